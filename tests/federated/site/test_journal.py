"""Law: where a run stands is written in a few bytes, however long its order is; runs of an earlier release go on."""

import sqlite3
from pathlib import Path

from federated.site.journal import Journal, Progress
from federated.site.store import SiteStore

ORDER = bytes(2_000_000)


def one_round(journal: Journal, progress: Progress) -> Progress:
    begun = journal.begin(progress, request="asked", epoch=8, removed=frozenset({bytes(16)}), most=1)
    journal.finish(begun, request="asked", reply=b"numbers", nonce="next")
    return journal.progress(progress.run)


def test_a_round_does_not_write_the_order_again(tmp_path: Path) -> None:
    store = SiteStore(tmp_path / "site.db")
    journal = Journal(store)
    before = journal.open("run-1", work=ORDER, nonce="first", epoch=7)
    with store.reading() as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    after = one_round(journal, before)
    written = (tmp_path / "site.db-wal").stat().st_size
    assert 0 < written < len(ORDER) / 10
    assert (after.number, after.nonce, after.epoch, after.removed) == (2, "next", 8, {bytes(16)})
    assert after.work == ORDER
    store.close()


def test_a_run_that_an_earlier_release_opened_goes_on_where_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "site.db"
    SiteStore(path).close()
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE standing")
        database.execute("INSERT INTO runs VALUES ('run-1', x'0a', 4, 'fourth', 7, ?)", (bytes(16),))
    store = SiteStore(path)
    found = Journal(store).progress("run-1")
    assert (found.number, found.nonce, found.removed, found.work) == (4, "fourth", {bytes(16)}, b"\n")
    moved = one_round(Journal(store), found)
    store.close()
    again = SiteStore(path)
    assert Journal(again).progress("run-1") == moved
    assert moved.number == 5
    again.close()
