"""Processes that die at any moment, and two that want the same."""

import os
import secrets
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faults.world import Outcome, end, judge, lines, publish, start, wait_for, write, write_and_publish


def sqlite_kill(cycles: int = 200) -> Outcome:
    """Kill -9 of the SQLite writer and publisher."""
    outcome = Outcome(f"kill -9 of the SQLite writer, {cycles} cycles")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url, acks, log, signed = f"sqlite:///{place}/a.db", place / "acks", place / "log", place / "signed"
        _kill_sqlite(cycles, url, acks, log, signed)
        judge(outcome, url, lines(acks), log, signed)
    for attempt in range(30):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            url, acks, log, signed = f"sqlite:///{place}/a.db", place / "acks", place / "log", place / "signed"
            _kill_sqlite(4, url, acks, log, signed, early=True)
            lost = judge(Outcome("control"), url, lines(acks), log, signed).lost
            if lost:
                outcome.control = f"a writer that acknowledges too early lost {lost} (attempt {attempt + 1})"
                return outcome
    return outcome


def _kill_sqlite(cycles: int, url: str, acks: Path, log: Path, signed: Path, *, early: bool = False) -> None:
    for _ in range(cycles):
        before = len(lines(acks))
        child = start(lambda: write_and_publish(url, acks, log, signed, early=early))
        wait_for(lambda before=before: len(lines(acks)) > before)
        time.sleep(secrets.randbelow(60) / 1000)
        end(child)


def postgres_kill(cycles: int = 20) -> Outcome:
    """Kill -9 of a private PostgreSQL under four writers and two sequencers."""
    outcome = Outcome(f"kill -9 of PostgreSQL under 4 writers and 2 sequencers, {cycles} cycles")
    _kill_postgres(outcome, cycles)
    control = Outcome("control")
    _kill_postgres(control, 3, early=True)
    if control.lost:
        outcome.control = f"writers that acknowledge too early lost {control.lost}"
    return outcome


def _kill_postgres(outcome: Outcome, cycles: int, *, early: bool = False) -> None:
    with private_postgres() as server, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url, log, signed = server.get_uri(), place / "log", place / "signed"
        acks = [place / f"acks{number}" for number in range(4)]
        children = [start(lambda one=one: write(url, one, 1, early=early)) for one in acks[:1]]
        wait_for(lambda: bool(lines(acks[0])))
        children += [start(lambda one=one: write(url, one, 1, early=early)) for one in acks[1:]]
        children += [start(publish, url, log, signed) for _ in range(2)]
        try:
            for cycle in range(cycles):
                before = sum(len(lines(one)) for one in acks)
                wait_for(lambda before=before: sum(len(lines(one)) for one in acks) > before + 8)
                time.sleep(secrets.randbelow(400) / 1000)
                _kill_server(server)
                if cycle == cycles // 2:  # the sequencers die, too; another one takes over
                    end(children.pop())
                    children.append(start(publish, url, log, signed))
                server.ensure_postgres_running()
        finally:
            for child in children:
                end(child)
        judge(outcome, url, [one for some in acks for one in lines(some)], log, signed)


def two_sequencers(seconds: float = 6.0) -> Outcome:
    """Two sequencers at once on PostgreSQL, the leader killed again and again."""
    outcome = Outcome("two sequencers at once, leaders killed")
    with private_postgres() as server, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        url, log, signed, acks = server.get_uri(), place / "log", place / "signed", place / "acks"
        writer = start(write, url, acks, 2)
        wait_for(lambda: bool(lines(acks)))
        children = [start(publish, url, log, signed) for _ in range(2)]
        until, kills = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            before = len(lines(signed))
            wait_for(lambda before=before: len(lines(signed)) > before + 2)
            end(children.pop(0))
            kills += 1
            children.append(start(publish, url, log, signed))
        for child in (*children, writer):
            end(child)
        judge(outcome, url, lines(acks), log, signed)
        outcome.also.append(f"{kills} publishers killed")
        from faults.world import second_signatures

        planted = second_signatures([*lines(signed), f"signed 3 {'ab' * 32}"], {})
        outcome.control = f"{planted} signatures counted against an empty history, one planted" if planted else ""
    return outcome


@contextmanager
def private_postgres() -> Iterator:
    """A PostgreSQL of one's own, that may be killed."""
    import pgserver

    server = pgserver.get_server(tempfile.mkdtemp(prefix="accord-faults-"), cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()


def _kill_server(server) -> None:
    """Kill the first process and all its children; a kill of the whole machine's power would do the same."""
    first = int((Path(server.pgdata) / "postmaster.pid").read_text().split("\n")[0])
    below = [int(place.name) for place in Path("/proc").iterdir() if place.name.isdigit() and _parent(place) == first]
    for number in (first, *below):
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not any(_alive(number) for number in (first, *below)))
    for stale in ("postmaster.pid", ".s.PGSQL.5432.lock"):  # where nobody reaps the dead, they would look alive
        (Path(server.pgdata) / stale).unlink(missing_ok=True)


def _parent(place: Path) -> int:
    try:
        return int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def _alive(number: int) -> bool:
    try:
        return (Path("/proc") / str(number) / "stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
