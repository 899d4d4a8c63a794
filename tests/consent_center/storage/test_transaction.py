"""State and entry are written together or not at all, in whatever way it fails and whoever writes at the same time."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from audit.log.entry import decode_leaf, subject_tag, verify_commitment
from consent_center.consent.grant import Act
from consent_center.consent.verdict import Reason
from consent_center.errors import ConsentCenterError, ImportRefusedError, SettingsError, StorageError, StoreClosedError
from consent_center.storage import entries, member_keys, members, sequencer, statements
from consent_center.storage.bulk import driver_of
from consent_center.storage.transaction import Store
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.unenrol_member import unenrol_member
from consent_center.workflows.withdraw_consent import withdraw_consent
from tests.consent_center.world import AGE, ANSWERED, DAY, KEYS, NOW, TRAIN, found, said

SECOND = timedelta(seconds=1)


def test_two_concurrent_opposite_statements_end_in_the_withdrawal(store):
    people = found(store, members=12)
    gate = threading.Barrier(2)

    def speak(workflow, person):
        gate.wait()
        try:
            store.run(workflow, person, [TRAIN], **ANSWERED, at=NOW)
        except ConsentCenterError as error:
            return type(error).__name__
        return "kept"

    with ThreadPoolExecutor(2) as pool:
        for person in people:
            given, withdrawn = pool.submit(speak, give_consent, person), pool.submit(speak, withdraw_consent, person)
            assert withdrawn.result() == "kept"
            assert given.result() in ("kept", "SupersededError")
            assert store.read(ask_verdict, person, [TRAIN], at=NOW)[0].reason is Reason.WITHDRAWN


def test_many_writers_at_once_lose_and_double_nothing(store):
    people = found(store, members=8)
    before = store.read(entries.last_id)

    def speak(number):
        act = Act.GIVEN if number % 2 else Act.REFUSED
        at = NOW + number * SECOND
        return store.run(make_statements, [said(people[number % 8], act, TRAIN)], at=at)[0].entry

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(speak, range(80)))
    assert len(set(made)) == 80
    kept = [entry for person in people for entry, _ in store.read(statements.history, person)]
    assert sorted(kept) == sorted(made)
    assert store.read(entries.last_id) >= before + 80


@pytest.mark.parametrize("place", range(4))
def test_a_workflow_that_fails_anywhere_leaves_nothing(store, place, monkeypatch):
    mei, *_ = found(store)

    def state():
        return store.read(entries.last_id), store.read(statements.history, mei), store.read(_counts)

    before = state()
    targets = [
        (entries, "append"),
        (statements, "_rows"),
        (entries, "insert_together"),
        ("consent_center.workflows._say._planned", None),
    ]
    target, name = targets[place]

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patched:
        if name is None:
            patched.setattr(target, fail)
        else:
            patched.setattr(target, name, fail)
        with pytest.raises(OSError, match="disk"):
            store.run(withdraw_consent, mei, [TRAIN, AGE], **ANSWERED, at=NOW)
    assert state() == before
    store.run(withdraw_consent, mei, [TRAIN, AGE], **ANSWERED, at=NOW)


def _counts(tx):
    from sqlalchemy import text

    tables = ("entry", "payload", "statement", "statement_item", "task", "leaf")
    return [tx.session.connection().execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in tables]


def test_a_failing_request_does_not_hurt_its_neighbours_in_the_group(small_store):
    people = found(small_store, members=20)

    def speak(number):
        person = people[number] if number % 3 else "nobody"
        try:
            return small_store.run(make_statements, [said(person, Act.GIVEN, TRAIN)], at=NOW)
        except ConsentCenterError:
            return None

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(speak, range(20)))
    for number, answer in enumerate(answers):
        assert (answer is None) == (number % 3 == 0)
        allowed = small_store.read(ask_verdict, people[number], [TRAIN], at=NOW)[0].allowed
        assert allowed == (number % 3 != 0)


def test_every_state_row_has_its_entry_and_the_database_insists(store_url):
    with Store.open(store_url, keys=KEYS) as store:
        found(store)

        def without_entry(tx, *, at):
            from consent_center.storage.bulk import insert_rows
            from consent_center.storage.switches import SwitchRow

            insert_rows(
                tx,
                SwitchRow,
                ("entry_id", "member_no", "switch", "is_on", "at", "source"),
                [(10**9, 1, "restricted", True, 0, "x")],
            )

        with pytest.raises(StorageError):
            store.run(without_entry, at=NOW)


def test_an_entry_opens_with_its_members_key_and_shows_nothing_of_it(store):
    mei, *_ = found(store)
    made = store.run(give_consent, mei, [AGE], **ANSWERED, at=NOW)

    def look(tx):
        number = members.get(tx, mei).no
        return (
            entries.leaf(tx, made.entry),
            entries.opened(tx, number, made.entry),
            member_keys.read(tx, [number])[number],
        )

    leaf, (salt, payload), keys = store.read(look)
    shown = decode_leaf(leaf)
    assert set(shown) == {"v", "class", "month", "id", "tag", "commitment"}
    assert (shown["class"], shown["month"]) == ("statement", "2026-11")
    verify_commitment(bytes.fromhex(shown["commitment"]), salt, payload)
    from uuid import UUID

    assert shown["tag"] == subject_tag(keys.tag, UUID(shown["id"])).hex()
    assert b"demographics" in payload
    assert b"demographics" not in leaf
    assert mei.encode() not in leaf


def test_linking_again_gives_a_new_pseudonym_and_a_new_key(store):
    mei, *_ = found(store)
    first = store.read(members.enrolments, mei)[0]
    store.run(unenrol_member, mei, "sales", at=NOW)
    second = store.run(enrol_members, [mei], "sales", at=NOW)[0]
    elsewhere = store.run(enrol_members, [mei], "service", at=NOW)[0]
    seen = [first, second, elsewhere]
    assert len({one.pseudonym for one in seen}) == len({one.cohort_key for one in seen}) == 3
    assert {len(one.pseudonym) for one in seen} == {16}
    assert {len(one.cohort_key) for one in seen} == {32}


def test_a_store_that_cannot_be_durable_is_refused(tmp_path):
    for url in ("sqlite://", "sqlite:///:memory:", "mysql://x/y", "", "no address"):
        with pytest.raises((SettingsError, StorageError)):
            Store.open(url, keys=KEYS)
    with pytest.raises(StorageError):
        Store.open(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder.db'}", keys=KEYS)


def test_a_closed_store_says_so(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'a.db'}", keys=KEYS)
    store.close()
    store.close()
    with pytest.raises(StoreClosedError):
        store.run(set_switch, at=NOW)
    with pytest.raises(StoreClosedError):
        store.read(entries.last_id)


def test_sqlite_syncs_every_commit(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'a.db'}", keys=KEYS) as store:

        def pragmas(tx, *, at):
            connection = tx.session.connection()
            return [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "journal_mode")]

        assert store.run(pragmas, at=NOW) == [2, "wal"]


WRITER = """
import sys
from datetime import timedelta
sys.path.insert(0, "")
from consent_center.consent.grant import Act
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.storage.transaction import Store
from consent_center.workflows.make_statements import make_statements
from datetime import UTC, datetime
from privacy.envelope import Key
from privacy.keys import KeyRing
store = Store.open(sys.argv[1], keys=KeyRing((Key(7, bytes(range(32))),)))
at = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)
item = Item("purchases", "churn-model", "sales", "TW")
number = 0
while True:
    number += 1
    said = [Utterance(sys.argv[2], Act.REFUSED, (item,), "core", 1, "en", f"{number:064x}") for _ in range(3)]
    made = store.run(make_statements, said, at=at)
    print(made[-1].entry, flush=True)
"""


@pytest.mark.fault
def test_what_was_acknowledged_survives_kill_nine(tmp_path):
    path = tmp_path / "a.db"
    url = f"sqlite:///{path}"
    with Store.open(url, keys=KEYS) as store:
        mei, *_ = found(store)
    acknowledged = 0
    for _ in range(2):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, url, mei], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], text=True
        )
        for _ in range(12):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.stdout.read().split()
        writer.wait()
        writer.stdout.close()
        acknowledged = int(rest[-1]) if rest else acknowledged
    with Store.open(url, keys=KEYS) as store:
        assert store.read(entries.last_id) >= acknowledged
        kept = store.read(statements.history, mei)
        by_request: dict[str, int] = {}
        for _, one in kept:
            by_request[one.choices] = by_request.get(one.choices, 0) + 1
        assert {count % 3 for count in by_request.values()} == {0}, "a request is kept whole or not at all"
        store.run(sequencer.advance, members=True, at=NOW)
        leaves = store.read(entries.leaves_since, 0)
        assert len(leaves) == store.read(entries.last_id)
    checked = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()
    assert checked == ("ok",)


@pytest.mark.fault
def test_an_import_killed_half_way_resumes_without_loss_or_doubles(tmp_path):
    from consent_center.api.tables import batches, read_rows
    from consent_center.workflows.import_statements import import_batch, show_import

    url = f"sqlite:///{tmp_path / 'a.db'}"
    rows = 3000
    with Store.open(url, keys=KEYS) as store:
        mei, *_ = found(store)
        before = store.read(entries.last_id)
        file = tmp_path / "rows.csv"
        lines = [f"{mei},refused,{TRAIN},core,1,en,{number:064x},{(NOW - DAY).isoformat()}," for number in range(rows)]
        header = "member,act,items,notice,version,language,choices,said_at,expires_at"
        file.write_text("\n".join([header, *lines]) + "\n")
        program = (
            "import sys; from pathlib import Path; from datetime import UTC, datetime\n"
            "from consent_center.api.tables import batches, read_rows\n"
            "from consent_center.storage.transaction import Store\n"
            "from consent_center.workflows.import_statements import import_batch\n"
            "from privacy.envelope import Key; from privacy.keys import KeyRing\n"
            "store = Store.open(sys.argv[1], keys=KeyRing((Key(7, bytes(range(32))),)))\n"
            "at = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)\n"
            "for batch in batches(read_rows(Path(sys.argv[2]), 'csv'), size=100):\n"
            "    store.run(import_batch, 'token', 'big', batch, at=at); print('batch', flush=True)\n"
        )
        importer = subprocess.Popen(
            [sys.executable, "-c", program, url, str(file)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
        )
        for _ in range(5):
            importer.stdout.readline()
        os.kill(importer.pid, signal.SIGKILL)
        importer.wait()
        importer.stdout.close()
        half = store.read(show_import, "token", "big")
        assert 500 <= half.rows_read < rows
        other = tmp_path / "other.csv"
        other.write_text(file.read_text().replace(f"{0:064x}", f"{rows:064x}"))
        changed = next(batches(read_rows(other, "csv"), skip=half.rows_read, size=1000))
        with pytest.raises(ImportRefusedError, match="another file"):
            store.run(import_batch, "token", "big", changed, at=NOW)
        with pytest.raises(ImportRefusedError, match="another row"):
            store.run(import_batch, "token", "big", next(batches(read_rows(file, "csv"))), at=NOW)
        for batch in batches(read_rows(file, "csv"), skip=half.rows_read, size=1000):
            done = store.run(import_batch, "token", "big", batch, at=NOW)
        assert (done.rows_read, done.rows_kept, done.finished) == (rows, rows, True)
        kept = [one.choices for _, one in store.read(statements.history, mei)]
        assert sorted(kept) == [f"{number:064x}" for number in range(rows)]
        assert store.read(entries.last_id) == before + rows + 1, "and one entry that it finished"


def test_the_drivers_connection_is_that_of_the_transaction_that_runs(store):
    def look(tx, *, at):
        first = driver_of(tx)
        assert driver_of(tx) is first
        assert tx.session.connection().connection.driver_connection is first
        with tx.committed() as seen:
            other = driver_of(seen)
            assert other is not first
            seen.session.rollback()
            with tx.store.snapshot() as beside:
                taken = driver_of(beside)
                again = driver_of(seen)
                assert again is seen.session.connection().connection.driver_connection
                assert len({id(first), id(taken), id(again)}) == 3

    store.run(look, at=NOW)
