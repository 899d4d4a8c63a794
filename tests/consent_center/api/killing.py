"""An import in a process of its own, killed at any moment and begun again; shared by the suite and `make million`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import text

from consent_center.storage.transaction import Store
from consent_center.workflows.import_statements import show_import
from consent_center.workflows.register_member import register_members
from tests.consent_center.world import CHOICES, DAY, ITEMS, KEYS, NOW, found

IMPORTERS = """
import os, sys, time
from pathlib import Path
from types import SimpleNamespace
from consent_center.api import imports
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from privacy.envelope import Key
from privacy.keys import KeyRing
url, path, size, pause = sys.argv[1:]
batches = imports.batches
def slowly(rows, *, skip):
    for batch in batches(rows, skip=skip, size=int(size)):
        yield batch
        time.sleep(float(pause))
imports.batches = slowly
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        with Store.open(url, keys=KeyRing((Key(7, bytes(range(32))),))) as store:
            imports._import(SimpleNamespace(store=store, clock=clock), "token", "bulk", Path(path), "csv")
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""For each line it reads: an import in a process of its own, its number, and how it ended."""


def killed_and_resumed(
    url: str, folder: Path, *, members: int, rows: int, batch: int, kills: int, pause_s: float = 0.0
) -> None:
    """Import so many rows, killing the process so often on the way; every row is there once.

    `pause_s` after each batch leaves a small import time to be killed in.
    """
    with Store.open(url, keys=KEYS) as store:
        joined = found(store)
        while len(joined) < members:
            joined += store.run(register_members, [None] * min(10_000, members - len(joined)), at=NOW - DAY)
        path = folder / "rows.csv"
        _write(path, joined, rows)
        importers = subprocess.Popen(
            [sys.executable, "-c", IMPORTERS, url, str(path), str(batch), str(pause_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )
        for kill in range(1, kills + 1):
            _send(importers)
            worker = int(importers.stdout.readline())
            while store.read(show_import, "token", "bulk").rows_read < rows * kill // (kills + 2):
                time.sleep(0.005)
            os.kill(worker, signal.SIGKILL)
            assert int(importers.stdout.readline()) == signal.SIGKILL, "it was killed on the way, not done"
        halfway = store.read(show_import, "token", "bulk")
        assert 0 < halfway.rows_read < rows
        assert halfway.rows_read % batch == 0
        _send(importers)
        importers.stdout.readline()
        assert int(importers.stdout.readline()) == 0
        importers.communicate(timeout=30)
        done = store.read(show_import, "token", "bulk")
        assert (done.finished, done.rows_read, done.rows_kept, done.rows_refused) == (True, rows, rows, 0)
        assert store.read(_counted) == (rows, rows, rows, rows)


def _send(importers: subprocess.Popen) -> None:
    importers.stdin.write("another\n")
    importers.stdin.flush()


def _write(path: Path, members: list[str], rows: int) -> None:
    assert rows <= len(members) * len(ITEMS), "one row for each member and item, so that a double would show"
    with path.open("w") as file:
        file.write("member,act,items,notice,version,language,choices,said_at\n")
        for number in range(rows):
            act = "refused" if number % 10 < 3 else "given"
            item, member = ITEMS[number // len(members)], members[number % len(members)]
            file.write(f"{member},{act},{item},core,1,en,{CHOICES},{NOW.isoformat()}\n")


def _counted(tx) -> tuple[int, ...]:
    """Statements, pairs of member and item that have one, their entries, and the payloads of these."""
    queries = (
        "SELECT count(*) FROM statement",
        # One number for each pair is sorted; of two columns PostgreSQL hashes in parallel, which can take it minutes.
        "SELECT count(DISTINCT member_no * 1000 + item_no) FROM statement_item",
        "SELECT count(*) FROM entry WHERE id IN (SELECT entry_id FROM statement)",
        "SELECT count(*) FROM payload WHERE entry_id IN (SELECT entry_id FROM statement)",
    )
    return tuple(tx.session.connection().execute(text(one)).scalar_one() for one in queries)
