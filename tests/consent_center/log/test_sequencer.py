"""Places in the log are dense, final and independent of clocks; members' leaves come together and shuffled."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text

from audit.log.hashing import leaf_hash
from audit.log.tree import root_of
from consent_center.consent.grant import Act
from consent_center.errors import LogRestoredError
from consent_center.events import Event
from consent_center.storage import entries, sequencer
from consent_center.workflows.make_statements import make_statements
from tests.consent_center.world import NOW, TRAIN, found, said


def places(tx):
    """Entry numbers in the order of the log, and whether the indexes are 0, 1, 2 and so on."""
    rows = tx.session.connection().execute(text("SELECT leaf_index, entry_id FROM leaf ORDER BY leaf_index")).all()
    assert [row[0] for row in rows] == list(range(len(rows)))
    return [row[1] for row in rows]


def acted(number: int) -> Event:
    return Event.of("staff.acted", public={"action": f"act-{number}", "role": "clerk", "subject": "x"})


def act(tx, number, *, at):
    return tx.append(acted(number), at=at)


def advance(store, *, members=False, at=NOW, batch=sequencer.BATCH):
    return store.run(sequencer.advance, members=members, at=at, batch=batch)


def test_members_leaves_wait_for_their_window_and_others_do_not(store):
    found(store, members=4)
    first = advance(store)
    shown = [json.loads(leaf) for leaf in store.read(entries.leaves_since, 0)]
    assert first.size == len(shown) > 0
    assert first.members_wait
    assert not [leaf for leaf in shown if "class" in leaf]
    last = advance(store, members=True)
    assert not last.members_wait
    assert last.size == store.read(entries.last_id)
    assert sorted(store.read(places)) == list(range(1, last.size + 1))


def test_the_order_within_a_window_is_not_the_order_of_writing(store):
    people = found(store, members=30)
    advance(store, members=True)
    before = store.read(entries.last_id)
    store.run(make_statements, [said(one, Act.GIVEN, TRAIN) for one in people], at=NOW)
    advance(store, members=True)
    new = store.read(places)[before:]
    assert sorted(new) == list(range(before + 1, before + 31))
    assert new != sorted(new), "30! orders: a false alarm is rarer than one in 10**32"


def test_the_fold_is_the_root_over_all_leaves_however_it_was_batched(store):
    found(store, members=8)
    for batch in (1, 2, 7):
        assert advance(store, members=True, batch=batch).more
    while (head := advance(store, members=True, batch=5)).more:
        assert len(head.fresh) <= 5
    leaves = store.read(entries.leaves_since, 0)
    assert head.size == len(leaves) == store.read(entries.last_id)
    assert head.root == root_of(map(leaf_hash, leaves)) == store.read(sequencer.head).root
    assert advance(store, members=True).fresh == ()


def test_places_stay_dense_and_final_under_concurrent_writers(store):
    people = found(store, members=6)
    seen: list[int] = []
    done = threading.Event()

    def sequence():
        while not done.is_set():
            advance(store, members=True)
            now = store.read(places)
            assert now[: len(seen)] == seen, "a place never changes"
            seen[:] = now

    def write(number):
        store.run(act, number, at=NOW)
        store.run(make_statements, [said(people[number % 6], Act.GIVEN if number % 2 else Act.REFUSED, TRAIN)], at=NOW)

    with ThreadPoolExecutor(5) as pool:
        running = pool.submit(sequence)
        list(pool.map(write, range(40)))
        done.set()
        running.result()
    head = advance(store, members=True)
    assert head.size == store.read(entries.last_id) == len(store.read(places))


def test_the_order_does_not_depend_on_the_clock_and_a_clock_set_back_is_flagged(store):
    found(store, members=1)
    advance(store, members=True)
    before = store.read(places)
    for number, at in enumerate((NOW, NOW - timedelta(days=1), NOW + timedelta(hours=1))):
        store.run(act, number, at=at)
    head = advance(store, at=NOW)
    assert store.read(places)[len(before) :] == [max(before) + n for n in (1, 2, 3)]
    assert head.clock_behind_s == 3600
    assert advance(store, at=NOW + timedelta(hours=2)).clock_behind_s == 0


@pytest.mark.postgres
def test_a_long_open_transaction_holds_back_what_came_after_it_and_nothing_is_skipped(postgres_url):
    from consent_center.storage.transaction import Store
    from tests.consent_center.world import KEYS

    with Store.open(postgres_url, keys=KEYS) as store:
        found(store, members=1)
        size = advance(store, members=True).size
        wrote, end = threading.Event(), threading.Event()

        def slow(tx, *, at):
            entry = tx.append(acted(1), at=at)
            tx.session.flush()
            wrote.set()
            end.wait(20)
            return entry

        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(store.run, slow, at=NOW)
            assert wrote.wait(20)
            quick = store.run(act, 2, at=NOW)
            head = advance(store)
            assert (head.size, head.held_below is not None) == (size, True)
            end.set()
            first = waiting.result()
        head = advance(store)
        assert (head.size, head.held_below) == (size + 2, None)
        assert store.read(places)[-2:] == [first, quick]


@pytest.mark.postgres
def test_one_sequencer_leads_and_another_takes_over(postgres_url):
    from consent_center.storage.transaction import Store
    from tests.consent_center.world import KEYS

    with Store.open(postgres_url, keys=KEYS) as one, Store.open(postgres_url, keys=KEYS) as two:
        found(one, members=1)
        with one.alone(sequencer.LOCK) as first:
            with two.alone(sequencer.LOCK) as second:
                assert second is None
            assert first(sequencer.advance, members=True, at=NOW).size > 0
        with two.alone(sequencer.LOCK) as second:
            assert second(sequencer.advance, members=True, at=NOW).fresh == ()


@pytest.mark.postgres
def test_transaction_numbers_of_another_cluster_stop_the_log_until_an_operator_decides(postgres_url):
    from consent_center.storage.transaction import Store
    from tests.consent_center.world import KEYS

    with Store.open(postgres_url, keys=KEYS) as store:
        found(store, members=1)
        size = advance(store, members=True).size

        def moved(tx, column, value, *, at):
            tx.session.connection().execute(text(f"UPDATE log_head SET {column} = {value}"))

        for column, value in (("cluster", 5), ("entries_below", 2**60)):
            store.run(moved, column, value, at=NOW)
            store.run(act, 1, at=NOW)
            with pytest.raises(LogRestoredError, match="another one"):
                advance(store)
            store.run(lambda tx, at: sequencer.resume_elsewhere(tx), at=NOW)
            size += 1
            assert advance(store).size == size
