"""Writers and publishers as processes that can be killed, and the judgement of what they left behind.

A writer says which entries were acknowledged, a publisher which checkpoints it signed, each before anybody could act
on it. Afterwards everything is compared: an acknowledged entry that is nowhere is lost; a hole between two places is a
gap; two roots for one size, or a root that the final log does not have, is a second signature.
"""

import ctypes
import os
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import text

from audit.log import checkpoint as checkpoints
from audit.log.fsck import verify_log
from audit.log.hashing import leaf_hash
from audit.log.note import SignerKey
from audit.log.source import DirectorySource
from audit.log.tlog_policy import policy_for
from audit.log.tree import Frontier
from consent_center.errors import ConsentCenterError
from consent_center.events import Event
from consent_center.publisher import Publisher
from consent_center.storage import entries
from consent_center.storage.transaction import Store
from privacy.envelope import Key
from privacy.keys import KeyRing

ORIGIN = "faults.example/log"
SIGNER = SignerKey.from_seed(ORIGIN, bytes(range(32)))
KEYS = KeyRing((Key(7, bytes(range(32))),))
_DIE_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of prctl(2): a harness that is stopped leaves no process behind."""

NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)


@dataclass
class Outcome:
    """What one fault did.

    Attributes:
        control: what the control showed; a fault without one that fails proves nothing.
        also: anything else that had to hold.
    """

    name: str
    acknowledged: int = 0
    found: int = 0
    lost: int = 0
    gaps: int = 0
    second_signatures: int = 0
    control: str = ""
    also: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        """Nothing lost, no gap, no second signature, and the control saw what was planted."""
        return not (self.lost or self.gaps or self.second_signatures or self.failures) and bool(self.control)

    def line(self) -> str:
        """One line for the report."""
        counts = (
            f"acknowledged {self.acknowledged}, found {self.found}, lost {self.lost}, gaps {self.gaps}, "
            f"second signatures {self.second_signatures}"
        )
        rest = "; ".join([*self.also, f"control: {self.control or 'NONE'}", *self.failures])
        return f"{'ok  ' if self.survived else 'FAIL'} {self.name}: {counts}; {rest}"


def act(tx, marker: str, *, at: datetime):
    """Write one entry that carries a marker."""
    return tx.append(Event.of("staff.acted", public={"action": marker, "role": "clerk", "subject": "faults"}), at=at)


def start(work: Callable[..., None], *given: object) -> int:
    """Run `work` in a process of its own and return its number. This process must have no open store."""
    child = os.fork()
    if child:
        return child
    try:
        ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work(*given)
    except BaseException:  # noqa: BLE001 - a child must never run on in its parent's code
        traceback.print_exc(file=sys.stderr)
        os._exit(1)
    os._exit(0)


def end(child: int, number: int = signal.SIGKILL) -> None:
    """Kill a child and wait for it."""
    os.kill(child, number)
    os.waitpid(child, 0)


def write(url: str, acks: Path, threads: int = 2, *, early: bool = False, pragma: str = "") -> None:
    """Write entries without end, and record each acknowledgement. `early` lies: it acknowledges before the commit."""
    store = _opened(url)
    if pragma:
        with store._writer.connect() as connection:
            connection.connection.driver_connection.execute(pragma)
    handle = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def one() -> None:
        nonlocal store
        while True:
            marker = secrets.token_hex(12)
            if early:
                os.write(handle, f"{marker}\n".encode())
            try:
                store.run(act, marker, at=NOW)
            except ConsentCenterError:
                time.sleep(0.02)
                continue
            if not early:
                os.write(handle, f"{marker}\n".encode())

    workers = [threading.Thread(target=one) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def publish(url: str, directory: Path, signed: Path) -> None:
    """Publish without end, and record each signature before anybody sees it."""
    publisher = Publisher(_opened(url), directory, SIGNER, ORIGIN, window_s=0.1, interval_s=0.02)
    with recording(signed):
        _publish_without_end(publisher, signed)


def _publish_without_end(publisher: Publisher, signed: Path) -> None:
    while True:
        try:
            publisher.publish()
        except ConsentCenterError as failure:
            publisher._resign()
            _note(signed, f"refused {failure}")
            time.sleep(0.05)
        except Exception as failure:  # noqa: BLE001 - what it was is judged by what is left
            publisher._resign()
            _note(signed, f"failed {type(failure).__name__}")
            time.sleep(0.05)
        time.sleep(0.02)


def write_and_publish(url: str, acks: Path, directory: Path, signed: Path, *, early: bool = False) -> None:
    """Both in one process, as one SQLite server does."""
    threading.Thread(target=publish, args=(url, directory, signed), daemon=True).start()
    write(url, acks, early=early)


@contextmanager
def recording(signed: Path) -> Iterator[None]:
    """Meanwhile this process records every checkpoint before it signs it."""
    real = checkpoints.sign

    def recorded(head, *signers):
        _note(signed, f"signed {head.size} {head.root.hex()}")
        return real(head, *signers)

    checkpoints.sign = recorded
    try:
        yield
    finally:
        checkpoints.sign = real


def _note(place: Path, line: str) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(handle, f"{line}\n".encode())
    os.close(handle)


def _opened(url: str) -> Store:
    for _ in range(200):
        try:
            return Store.open(url, keys=KEYS)
        except ConsentCenterError:
            time.sleep(0.1)
    raise RuntimeError("the database did not come back")


def lines(place: Path) -> list[str]:
    """The whole lines of a file; a line that was cut short by a kill was never said."""
    if not place.exists():
        return []
    return [line for line in place.read_text().split("\n")[:-1] if line]


def wait_for(ready: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait until something holds."""
    until = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > until:
            raise RuntimeError("it never happened")
        time.sleep(0.005)


def judge(outcome: Outcome, url: str, acks: Iterable[str], directory: Path, signed: Path) -> Outcome:
    """Publish the rest, and compare what was said with what is there."""
    acknowledged = set(acks)
    with _opened(url) as store:
        publisher = Publisher(store, directory, SIGNER, ORIGIN, window_s=0)
        deadline = time.monotonic() + 60
        while True:
            try:
                size = publisher.flush()
            except ConsentCenterError:
                size = 0
            if size == store.read(entries.last_id) or _everything(store, size) or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        publisher.stop()
        leaves = store.read(entries.leaves_since, 0)
        indexes = store.read(
            lambda tx: list(tx.session.connection().execute(text("SELECT leaf_index FROM leaf ORDER BY 1")).scalars())
        )
    markers = {leaf.split(b'"action":"')[1].split(b'"')[0].decode() for leaf in leaves if b'"action":"' in leaf}
    outcome.acknowledged += len(acknowledged)
    outcome.found += len(acknowledged & markers)
    outcome.lost += len(acknowledged - markers)
    outcome.gaps += gaps(indexes)
    roots = {0: Frontier().root()}
    tree = Frontier()
    for leaf in leaves:
        tree = tree.append(leaf_hash(leaf))
        roots[tree.size] = tree.root()
    outcome.second_signatures += second_signatures(lines(signed), roots)
    report = verify_log(
        DirectorySource(directory), policy=policy_for(SIGNER.verifier), origin=ORIGIN, need_entries=True
    )
    if not report.verified or report.entries != len(leaves):
        outcome.failures.append(f"the published log does not verify: {report.findings}, {report.entries} {len(leaves)}")
    return outcome


def gaps(indexes: list[int]) -> int:
    """Holes in the places."""
    return sum(1 for before, after in zip([-1, *indexes], indexes, strict=False) if after != before + 1)


def second_signatures(said: list[str], roots: dict[int, bytes]) -> int:
    """Signatures over something that the one history does not have."""
    heads = {tuple(line.split()[1:]) for line in said if line.startswith("signed ")}
    return sum(1 for size, root in heads if roots.get(int(size), b"").hex() != root)


def _everything(store: Store, size: int) -> bool:
    query = text("SELECT count(*) FROM entry")
    return size == store.read(lambda tx: tx.session.connection().execute(query).scalar_one())
