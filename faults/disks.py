"""Disks that lose power, fill up, or answer with errors. Where root or `strace` is missing, they say so."""

import os
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from consent_center.errors import ConsentCenterError, StorageError
from consent_center.storage import entries
from consent_center.storage.transaction import Store
from faults.world import KEYS, NOW, Outcome, act, end, judge, lines, start, wait_for, write

_CALLS = "pwrite64,fdatasync,fsync,ftruncate"


def power_cut(cuts: int = 3) -> Outcome | None:
    """Power cut: a copy of the disk as it stands, while the writer is stopped, is mounted and read."""
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        return None
    outcome = Outcome(f"power cut on a loop-mounted ext4, {cuts} cuts")
    for _ in range(cuts):
        _cut(outcome, pragma="")
    control = Outcome("control")
    _cut(control, pragma="PRAGMA synchronous=OFF")
    if control.lost:
        outcome.control = f"with synchronous=OFF {control.lost} of {control.acknowledged} acknowledged were lost"
    return outcome


def _cut(outcome: Outcome, *, pragma: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        image, copy, acks = place / "disk", place / "copy", place / "acks"
        image.touch()
        os.truncate(image, 48 * 2**20)
        _run("mkfs.ext4", "-q", "-O", "^metadata_csum", str(image))
        with _mounted(image, place / "at") as at:
            child = start(lambda: write(f"sqlite:///{at}/a.db", acks, 2, pragma=pragma))
            wait_for(lambda: len(lines(acks)) > 60)
            os.kill(child, 19)
            said = lines(acks)
            with image.open("rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target)
            end(child)
        with _mounted(copy, place / "after") as after:
            try:
                _compare(outcome, after / "a.db", said)
            except (sqlite3.DatabaseError, ConsentCenterError):
                outcome.acknowledged += len(said)
                outcome.lost += len(said)


def _compare(outcome: Outcome, database: Path, said: list[str]) -> None:
    """Read the database alone; nothing was published here."""
    with Store.open(f"sqlite:///{database}", keys=KEYS) as store:
        kept = store.read(entries.leaves_since, 0)
    markers = {leaf.split(b'"action":"')[1].split(b'"')[0].decode() for leaf in kept}
    outcome.acknowledged += len(said)
    outcome.found += len(set(said) & markers)
    outcome.lost += len(set(said) - markers)
    with closing(sqlite3.connect(database)) as connection:
        if connection.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            outcome.failures.append("the database is damaged")


def disk_full() -> Outcome | None:
    """A disk that fills up refuses, loses nothing, and goes on once there is room."""
    if os.geteuid():
        return None
    outcome = Outcome("disk full")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        disk = place / "small"
        disk.mkdir()
        _run("mount", "-t", "tmpfs", "-o", "size=4m", "none", str(disk))
        try:
            url, log, signed = f"sqlite:///{disk}/a.db", disk / "log", place / "signed"
            said, refused = [], 0
            with Store.open(url, keys=KEYS) as store:
                while refused < 3 and len(said) < 100_000:
                    some = [secrets.token_hex(12) for _ in range(50)]
                    try:
                        store.run(_acts, some, at=NOW)
                        said += some
                    except StorageError:
                        refused += 1
                if refused < 3:
                    outcome.failures.append("the disk never was full")
                outcome.also.append(f"refused {refused} times")
                _run("mount", "-o", "remount,size=64m", str(disk))
                more = secrets.token_hex(12)
                store.run(act, more, at=NOW)
                said.append(more)
            judge(outcome, url, said, log, signed)
            planted = Outcome("control")
            judge(planted, url, [*said, "never-written"], log, signed)
            outcome.control = f"one acknowledgement without an entry counted as {planted.lost} lost" * planted.lost
        finally:
            _run("umount", str(disk))
    return outcome


def _acts(tx, markers, *, at):
    return [act(tx, marker, at=at) for marker in markers]


def injected_errors() -> Outcome | None:
    """EIO and ENOSPC at every system call of one append, one after the other."""
    if not shutil.which("strace"):
        return None
    outcome = Outcome("injected EIO and ENOSPC at every system call of one append")
    injected = refused = 0
    for error in ("EIO", "ENOSPC"):
        for when in range(1, 40):
            with tempfile.TemporaryDirectory() as folder:
                hit, said, marker = _one_append(Path(folder), error, when)
                if hit is None:
                    return None
                if not hit:
                    break
                injected += 1
                refused += said == "refused"
                done = Outcome("one")
                place = Path(folder)
                url = f"sqlite:///{place}/a.db"
                judge(done, url, [marker] if said == "done" else [], place / "log", place / "signed")
                outcome.acknowledged += done.acknowledged
                outcome.found += done.found
                outcome.lost += done.lost
                outcome.gaps += done.gaps
                outcome.second_signatures += done.second_signatures
                outcome.failures += done.failures
    outcome.also.append(f"{injected} errors injected, {refused} appends refused")
    if refused:
        outcome.control = f"{refused} of {injected} injected errors reached the caller as a refusal"
    return outcome


def _one_append(place: Path, error: str, when: int) -> tuple[bool | None, str, str]:
    """Append once while the `when`-th write of the process fails; was it hit, and what did the caller hear?"""
    url, marker, answer = f"sqlite:///{place}/a.db", secrets.token_hex(12), place / "answer"
    ready, go, trace = place / "ready", place / "go", place / "trace"

    def child() -> None:
        store = Store.open(url, keys=KEYS)
        store.run(act, secrets.token_hex(12), at=NOW)
        ready.touch()
        wait_for(go.exists)
        try:
            store.run(act, marker, at=NOW)
        except ConsentCenterError:
            answer.write_text("refused")
        else:
            answer.write_text("done")
        time.sleep(60)

    number = start(child)
    wait_for(ready.exists)
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", str(trace), "-e", f"trace={_CALLS}", "-e", f"inject={_CALLS}:error={error}:when={when}",
         "-p", str(number)],
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    line = tracer.stderr.readline()
    if "attached" not in line:
        end(number)
        tracer.communicate()
        return None, "", marker
    time.sleep(0.05)
    go.touch()
    wait_for(lambda: answer.exists() and bool(answer.read_text()))
    said = answer.read_text()
    end(number)
    tracer.communicate()
    return "(INJECTED)" in trace.read_text(), said, marker


@contextmanager
def _mounted(image: Path, at: Path) -> Iterator[Path]:
    at.mkdir(exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(at))
    try:
        yield at
    finally:
        _run("umount", str(at))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
