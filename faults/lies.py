"""Histories that somebody changed, and conditions that a person must hear of: nothing false is signed or believed."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from audit.errors import ConflictError, LogError
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import Cosigner
from audit.log.fsck import verify_log
from audit.log.hashing import leaf_hash
from audit.log.source import DirectorySource
from audit.log.tiles import decode_bundle, encode_bundle
from audit.log.tlog_policy import policy_for
from audit.log.tree import root_of
from audit.log.witness import AddCheckpoint, Witness
from consent_center.errors import LogRestoredError
from consent_center.publisher import Publisher
from consent_center.storage import sequencer
from consent_center.storage.transaction import Store
from faults.kills import private_postgres
from faults.world import KEYS, NOW, ORIGIN, SIGNER, Outcome, act, judge, recording


def restored_backup() -> Outcome:
    """A database from yesterday's backup signs nothing, however much is written to it."""
    outcome = Outcome("restored backup")
    with tempfile.TemporaryDirectory() as folder, recording(Path(folder) / "signed"):
        place = Path(folder)
        path, log, signed = place / "a.db", place / "log", place / "signed"
        markers = [f"marker-{number}" for number in range(40)]
        _write_and_publish(path, log, markers[:20])
        shutil.copy(path, place / "backup.db")
        _write_and_publish(path, log, markers[20:])
        refused = 0
        for more in (0, 10, 20, 30):
            shutil.copy(place / "backup.db", place / "restored.db")
            try:
                _write_and_publish(place / "restored.db", log, [f"other-{number}" for number in range(more)])
            except LogRestoredError:
                refused += 1
        outcome.also.append(f"refused {refused} of 4")
        if refused != 4:
            outcome.failures.append("a restored database was signed for")
        judge(outcome, f"sqlite:///{path}", markers, log, signed)
        shutil.copy(place / "backup.db", place / "restored.db")
        control = Outcome("control")
        _write_and_publish(place / "restored.db", place / "elsewhere", ["other"])  # nothing published: nobody knows
        judge(control, f"sqlite:///{path}", markers, log, signed)
        if control.second_signatures:
            outcome.control = f"with the published log hidden from it, {control.second_signatures} second signature"
    return outcome


def _write_and_publish(path: Path, log: Path, markers: list[str]) -> None:
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        for marker in markers:
            store.run(act, marker, at=NOW)
        publisher = Publisher(store, log, SIGNER, ORIGIN, window_s=0)
        try:
            publisher.flush()
        finally:
            publisher.stop()


def forgeries() -> Outcome:
    """Forged and truncated tiles, changed and reordered entries, a rollback: the verifier names each."""
    outcome = Outcome("forged tile, truncated tile, changed and reordered entries, rollback")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        log = place / "log"
        markers = [f"marker-{number}" for number in range(600)]
        _write_and_publish(place / "a.db", log, markers[:300])
        old = (log / "checkpoint").read_bytes()
        shutil.copytree(log, place / "old")
        _write_and_publish(place / "a.db", log, markers[300:])
        since = _accepted(log)
        found = 0
        for name, change in (
            ("forged tile", lambda at: _change(at / "tile/0/000", _flip)),
            ("truncated tile", lambda at: _change(at / "tile/0/001", lambda data: data[:-32])),
            ("changed entry", lambda at: _change(at / "tile/entries/000", lambda data: data.replace(b"-7", b"-8", 1))),
            ("reordered entries", lambda at: _change(at / "tile/entries/000", _swap)),
            ("rollback", lambda at: (shutil.rmtree(at), shutil.copytree(place / "old", at))),
            ("old checkpoint over new tiles, rolled back", lambda at: (at / "checkpoint").write_bytes(old)),
        ):
            caught = _caught(log, place / "changed", change, since)
            found += caught
            if not caught:
                outcome.failures.append(f"{name} was believed")
        outcome.also.append(f"{found} of 6 lies named")
        if _caught(log, place / "changed", lambda _: None, since):
            outcome.failures.append("the honest copy was not believed")
        else:
            outcome.control = "the honest copy verifies"
        outcome.acknowledged = outcome.found = len(markers)
    return outcome


def _accepted(log: Path) -> Checkpoint:
    note = (log / "checkpoint").read_bytes()
    return policy_for(SIGNER.verifier).accept(note, origin=ORIGIN).checkpoint


def _caught(log: Path, copy: Path, change: Callable[[Path], object], since: Checkpoint) -> bool:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(log, copy)
    change(copy)
    policy = policy_for(SIGNER.verifier)
    try:
        report = verify_log(DirectorySource(copy), policy=policy, origin=ORIGIN, since=since, need_entries=True)
    except LogError:
        return True
    return not report.verified


def _change(place: Path, change: Callable[[bytes], bytes]) -> None:
    data = place.read_bytes()
    changed = change(data)
    if changed == data:
        raise RuntimeError("the lie changed nothing")
    place.write_bytes(changed)


def _flip(data: bytes) -> bytes:
    return data[:40] + bytes([data[40] ^ 1]) + data[41:]


def _swap(data: bytes) -> bytes:
    first, second, *rest = decode_bundle(data, 256)
    return encode_bundle([second, first, *rest])


def witnessed_fork() -> Outcome:
    """A log that signs two histories: the witness cosigns one, keeps proof of the other."""
    outcome = Outcome("fork and rollback seen by the witness")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        leaves = [leaf_hash(bytes([number])) for number in range(9)]
        other = [*leaves[:8], leaf_hash(b"other")]
        with closing(Witness(place, Cosigner.generate("witness.example/w1"), {ORIGIN: [SIGNER.verifier]})) as witness:
            first = _head(leaves)
            witness.add_checkpoint(AddCheckpoint(0, (), first).body(), at=1)
            outcome.control = "the first history was cosigned"
            for lie, old in ((_head(other), 9), (_head(leaves[:4]), 4)):
                try:
                    witness.add_checkpoint(AddCheckpoint(old, (), lie).body(), at=2)
                except ConflictError as conflict:
                    outcome.also.append("fork refused" if conflict.fork else "rollback refused")
                else:
                    outcome.failures.append("the witness cosigned a second history")
                    outcome.second_signatures += 1
        if not list(place.glob("*.fork")):
            outcome.failures.append("no proof of the fork was kept")
    return outcome


def _head(leaves: list[bytes]) -> bytes:
    return sign(Checkpoint(ORIGIN, len(leaves), root_of(leaves)), SIGNER)


def long_open_transaction() -> Outcome:
    """A transaction that stays open holds the log back, is reported, and loses nothing."""
    outcome = Outcome("long-open transaction, clock set back")
    with private_postgres() as server, tempfile.TemporaryDirectory() as folder, recording(Path(folder) / "signed"):
        place = Path(folder)
        url, log, signed = server.get_uri(), place / "log", place / "signed"
        with Store.open(url, keys=KEYS) as store:
            publisher = Publisher(store, log, SIGNER, ORIGIN, window_s=0, now=lambda: NOW - timedelta(hours=1))
            publisher.flush()
            wrote, close = threading.Event(), threading.Event()

            def slow(tx, *, at):
                act(tx, "slow", at=at)
                tx.session.flush()
                wrote.set()
                close.wait(30)

            holder = threading.Thread(target=lambda: store.run(slow, at=NOW))
            holder.start()
            wrote.wait(30)
            markers = ["slow"]
            for number in range(20):  # each an hour earlier than the one before: the clock runs backwards
                markers.append(f"marker-{number}")
                store.run(act, markers[-1], at=NOW - timedelta(hours=number))
            held = publisher.flush()
            time.sleep(0.3)
            publisher.flush()
            lag = publisher.status.lag_s
            close.set()
            holder.join()
            released = publisher.flush()
            behind = publisher.status.clock_behind_s
            publisher.stop()
            order = store.read(sequencer.head).size
        outcome.also += [f"held at {held}, reported {lag:.1f} s of lag, then {released}", f"clock {behind} s behind"]
        if not (held == 0 and lag > 0 and released == order == len(markers) and behind == 3600):
            outcome.failures.append("it was not held back, or not reported")
        judge(outcome, url, markers, log, signed)
        control = Outcome("control")
        judge(control, url, [*markers, "never-written"], log, signed)
        outcome.control = "an acknowledgement without an entry counted as lost" if control.lost == 1 else ""
    return outcome
