"""Law: where a run stands is written in a few bytes, however long its order is; runs of an earlier release go on.

An order is kept as it first came; whoever was removed stays removed; nothing acts on where a run stood before.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from federated.errors import Refusal, RefusedError
from federated.site.journal import Journal, Progress
from federated.site.store import SiteStore

ORDER = bytes(2_000_000)
GONE, ALSO = frozenset({bytes(16)}), frozenset({b"\x01" * 16})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SiteStore]:
    made = SiteStore(tmp_path / "site.db")
    yield made
    made.close()


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


def test_another_order_for_the_same_run_changes_nothing(store: SiteStore) -> None:
    journal = Journal(store)
    first = one_round(journal, journal.open("run-1", work=b"order", nonce="first", epoch=7))
    again = journal.open("run-1", work=b"another", nonce="other", epoch=1)
    assert again == first
    assert again.work == b"order"


def test_who_was_removed_in_a_round_is_removed_from_all_that_follow(store: SiteStore) -> None:
    journal = Journal(store)
    after = one_round(journal, journal.open("run-1", work=b"order", nonce="first", epoch=7))
    begun = journal.begin(after, request="next", epoch=9, removed=ALSO, most=1)
    assert begun.removed == GONE | ALSO
    assert journal.progress("run-1").removed == GONE | ALSO


def test_nothing_acts_on_where_a_run_stood_before(store: SiteStore) -> None:
    journal = Journal(store)
    before = journal.open("run-1", work=b"order", nonce="first", epoch=7)
    now = one_round(journal, before)
    for act in (
        lambda: journal.begin(before, request="asked", epoch=7, removed=frozenset(), most=9),
        lambda: journal.turn_to(before, 2),
        lambda: journal.turn_to(journal.turn_to(now, 3), 1),
        lambda: journal.released("run-1", 1, "something else"),
    ):
        with pytest.raises(RefusedError) as refused:
            act()
        assert refused.value.code is Refusal.ROUND_OUT_OF_ORDER
    assert journal.released("run-1", 1, "asked") == b"numbers"


def test_a_round_that_is_asked_for_again_is_sent_again_until_it_is_over_or_damaged(store: SiteStore) -> None:
    journal = Journal(store)
    now = one_round(journal, journal.open("run-1", work=b"order", nonce="first", epoch=7))
    with store.transaction() as database:
        database.execute("UPDATE outbox SET reply = x'00'")
    with pytest.raises(RefusedError, match="damaged"):
        journal.released("run-1", 1, "asked")
    journal.begin(now, request="next", epoch=8, removed=frozenset(), most=1)
    with pytest.raises(RefusedError, match="over"):
        journal.released("run-1", 1, "asked")
    with pytest.raises(RefusedError, match="used up"):
        journal.begin(now, request="next", epoch=8, removed=frozenset(), most=1)
