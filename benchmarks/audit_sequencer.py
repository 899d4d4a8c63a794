"""The sequencer on PostgreSQL: how fast it drains, how soon an entry is signed for, what it costs the writers.

Entry to checkpoint is measured for entries without the shuffle window, from the moment the commit was acknowledged
until the signed checkpoint that covers it is on disk, at 1,000 entries a second; the publisher is a process of its
own, as in production. Drag compares writers with the publisher running and stopped, in turns.
"""

import itertools
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from audit.log.checkpoint import parse
from audit.log.note import SignerKey
from benchmarks._stores import ANSWERED, ITEM, NOW, found, new_database, postgres
from consent_center.events import Event
from consent_center.publisher import Publisher
from consent_center.storage import entries
from consent_center.storage.transaction import Store, Transaction
from consent_center.workflows.give_consent import give_consent
from privacy.keys import create_root_key

BACKLOG = 100_000
RATE = 1_000
TOGETHER = 10
SECONDS = 15.0
CLIENTS = 8
PAIRS = 6
DRAG_S = 2.0
SIGNER = SignerKey.from_seed("bench.example/log", bytes(32))


def run() -> dict[str, dict[str, object]]:
    """Print and return the figures."""
    with tempfile.TemporaryDirectory() as folder, postgres() as server:
        place = Path(folder)
        keys = create_root_key(place / "root.key")
        (place / "log.key").touch(mode=0o600)
        (place / "log.key").write_text(SIGNER.secret_text() + "\n", encoding="ascii")
        with Store.open(new_database(server), keys=keys) as store:
            figures = _drain(store, place / "backlog")
        address = new_database(server)
        with Store.open(address, keys=keys) as store:
            people = found(store, members=64)
            figures |= _latency(store, place, address)
            figures |= _drag(store, place, address, people)
    goals = {"entries_per_s": (">=", 50_000), "checkpoint_p99_s": ("<=", 0.6), "drag": ("<=", 1.1)}
    return {"figures": {**figures, "ratio": figures["drag"]}, "goals": goals}


def _act(tx: Transaction, count: int, *, at: datetime) -> None:
    told = {"action": "benchmarked", "role": "clerk", "subject": "x"}
    tx.append_all([Event.of("staff.acted", public=told)] * count, at=at)


def _drain(store: Store, log: Path) -> dict[str, float]:
    print(f"writing a backlog of {BACKLOG:,} entries ...", flush=True)
    for _ in range(BACKLOG // 10_000):
        store.run(_act, 10_000, at=NOW)
    publisher = Publisher(store, log, SIGNER, SIGNER.name, window_s=0)
    start = time.perf_counter()
    size = publisher.flush()
    spent = time.perf_counter() - start
    publisher.stop()
    print(
        f"placed, folded, published and signed {size:,} entries in {spent:.2f} s: {size / spent:,.0f} a second",
        flush=True,
    )
    return {"entries_per_s": round(size / spent)}


def _latency(store: Store, place: Path, address: str) -> dict[str, float]:
    log = place / "live"
    with _publishing(place, address, log):
        start_size = _settled(log, store)
        written: list[float] = []
        seen: list[tuple[float, int]] = []
        done = threading.Event()

        def watch() -> None:
            while not done.wait(0.005):
                size = parse((log / "checkpoint").read_bytes()).size
                if not seen or size > seen[-1][1]:
                    seen.append((time.perf_counter(), size))

        watcher = threading.Thread(target=watch)
        watcher.start()
        begin = time.perf_counter()
        for batch in itertools.count():
            due = begin + batch * TOGETHER / RATE
            if due > begin + SECONDS:
                break
            time.sleep(max(0.0, due - time.perf_counter()))
            store.run(_act, TOGETHER, at=NOW)
            written += [time.perf_counter()] * TOGETHER
        rate = len(written) / (time.perf_counter() - begin)
        last = start_size + len(written)
        until = time.perf_counter() + 30
        while (not seen or seen[-1][1] < last) and time.perf_counter() < until:
            time.sleep(0.01)
        done.set()
        watcher.join()
    delays, covering = [], iter(seen)
    when, size = next(covering)
    for number, acknowledged in enumerate(written):
        while size < start_size + number + 1:
            when, size = next(covering)
        delays.append(max(0.0, when - acknowledged))
    median, p99 = statistics.median(delays), statistics.quantiles(delays, n=100)[98]
    print(f"at {rate:,.0f} entries a second: entry to checkpoint median {median:.3f} s, p99 {p99:.3f} s", flush=True)
    return {"rate": round(rate), "checkpoint_median_s": round(median, 3), "checkpoint_p99_s": round(p99, 3)}


def _drag(store: Store, place: Path, address: str, people: list[str]) -> dict[str, float]:
    with_it, without = [], []
    with ThreadPoolExecutor(CLIENTS) as pool, _publishing(place, address, place / "live") as publisher:
        _settled(place / "live", store)
        for turn in range(PAIRS + 1):
            for running in (True, False) if turn % 2 else (False, True):
                publisher.send_signal(signal.SIGCONT if running else signal.SIGSTOP)
                rate = _write_for(store, pool, people, DRAG_S)
                if turn:
                    (with_it if running else without).append(rate)
        publisher.send_signal(signal.SIGCONT)
    drag = statistics.median(alone / beside for alone, beside in zip(without, with_it, strict=True))
    print(
        f"writers: {statistics.median(without):.0f} a second alone, {statistics.median(with_it):.0f} beside it",
        flush=True,
    )
    return {"drag": round(drag, 3)}


def _write_for(store: Store, pool: ThreadPoolExecutor, people: list[str], seconds: float) -> float:
    until = time.perf_counter() + seconds

    def write(first: int) -> int:
        for number in itertools.count():
            if time.perf_counter() > until:
                return number
            store.run(give_consent, people[(first + number) % len(people)], [ITEM], **ANSWERED, at=NOW)
        return 0

    start = time.perf_counter()
    total = sum(pool.map(write, range(0, CLIENTS * 8, 8)))
    return total / (time.perf_counter() - start)


@contextmanager
def _publishing(place: Path, address: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,  # noqa: TID251 - the publisher inherits the path it runs under
        "ACCORD_ENV": "test",
        "ACCORD_DATABASE": address,
        "ACCORD_ROOT_KEY": str(place / "root.key"),
    }
    command = [sys.executable, "-c", "from consent_center.cli.main import main; main()", "log", "publish"]
    options = [str(log), "--key-file", str(place / "log.key"), "--window", "1"]
    publisher = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.DEVNULL)
    try:
        yield publisher
    finally:
        publisher.send_signal(signal.SIGCONT)
        publisher.terminate()
        publisher.wait()


def _settled(log: Path, store: Store) -> int:
    """Wait until everything written so far is published; returns how much that is."""
    size = store.read(entries.last_id)
    until = time.perf_counter() + 60
    while time.perf_counter() < until:
        if (log / "checkpoint").exists() and parse((log / "checkpoint").read_bytes()).size >= size:
            return size
        time.sleep(0.05)
    raise RuntimeError("the publisher did not publish")
