"""After an erasure nothing of a member is left, nor in a backup past its time; every proof still verifies."""

import json
import shutil
import sqlite3
from datetime import timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import SQLModel

from audit.log.entry import subject_tag
from audit.log.tlog_policy import policy_for
from audit.log.tlog_proof import TlogProof
from consent_center.consent.delegation import DelegationKind
from consent_center.consent.verdict import Switch
from consent_center.errors import ErasureError, StorageError, UnknownMemberError
from consent_center.rights.request import Right
from consent_center.storage import entries, erasure, member_keys, members, roles, statements
from consent_center.storage.transaction import Store
from consent_center.web.published import PublishedLog
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.delegate import delegate
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.erase_member import erase_member
from consent_center.workflows.file_right import file_right
from consent_center.workflows.give_consent import give_consent
from consent_center.workflows.register_member import register_member
from consent_center.workflows.rotate_keys import begin_generation, rewrap_all, without_overdue
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_history import show_history
from consent_center.workflows.withdraw_consent import withdraw_consent
from privacy.errors import UnknownKeyError
from tests.consent_center.log.conftest import ORIGIN, SIGNER, verified
from tests.consent_center.world import AGE, ANSWERED, DAY, KEYS, NOW, TRAIN, found


def lived(store):
    """Mei, after a life in the programme; Ann, whose delegate she is; and Bo."""
    mei, ann, bo = found(store)
    store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW)
    store.run(give_consent, ann, [TRAIN], **ANSWERED, at=NOW)
    store.run(withdraw_consent, mei, [AGE], **ANSWERED, at=NOW)
    store.run(set_switch, mei, Switch.NO_PERSONALISED, on=True, source="portal", at=NOW)
    store.run(enrol_member, mei, "service", at=NOW)
    ends = {"evidence": "ab" * 32, "ends": NOW + DAY, "at": NOW}
    store.run(delegate, ann, kind=DelegationKind.DELEGATE, to=mei, **ends)
    store.run(delegate, mei, kind=DelegationKind.DELEGATE, to=bo, **ends)
    asked = {"about": "", "detail": "", "once": "1", "zone": ZoneInfo("Asia/Taipei")}
    store.run(file_right, member=mei, right=Right.ERASE, **asked, at=NOW)
    return mei, ann, bo


def rows_about(tx, number):
    """Table -> rows that carry this member's number."""
    connection = tx.session.connection()
    counts = {}
    for name, table in SQLModel.metadata.tables.items():
        if "member_no" in table.columns:
            query = f"SELECT count(*) FROM {name} WHERE member_no = {number}"
            counts[name] = connection.exec_driver_sql(query).scalar_one()
    return {name: count for name, count in counts.items() if count}


def everything(tx):
    """Every value of every row, as text."""
    connection = tx.session.connection()
    return [
        str(value.hex() if isinstance(value, bytes | memoryview) else value)
        for name in SQLModel.metadata.tables
        for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')
        for value in row
    ]


def number_of(store, member):
    return store.read(lambda tx: members.get(tx, member).no)


def test_nothing_is_left_and_every_proof_verifies(store, tmp_path, new_publisher):
    mei, ann, _ = lived(store)
    number = number_of(store, mei)
    publisher = new_publisher(store)
    size = publisher.flush()
    made = store.read(show_history, mei, limit=100).lines
    log = PublishedLog(tmp_path / "log", ORIGIN, SIGNER.verifier)
    receipts = [(one.leaf, log.head().prove(one.leaf, one.index).written) for one in made]
    pseudonyms = [one.pseudonym.hex() for one in store.read(members.enrolments, mei)]
    assert store.read(rows_about, number)
    with pytest.raises(ErasureError, match="told"):
        store.run(erase_member, mei, at=NOW)
    assert store.read(ask_verdict, mei, [TRAIN], at=NOW)[0].allowed
    store.run(erase_member, mei, even_untold=True, at=NOW)
    assert store.read(rows_about, number) == {}
    left = store.read(everything)
    assert not [value for value in left for name in (mei, *pseudonyms) if name in value]
    for ask in (
        lambda: store.read(show_history, mei),
        lambda: store.read(ask_verdict, mei, [TRAIN], at=NOW),
        lambda: store.run(give_consent, mei, [TRAIN], **ANSWERED, at=NOW),
        lambda: store.run(erase_member, mei, at=NOW),
        lambda: store.read(member_keys.read, [number]),
    ):
        with pytest.raises(UnknownMemberError):
            ask()
    assert store.read(ask_verdict, ann, [TRAIN], at=NOW)[0].allowed
    assert publisher.flush() == verified(tmp_path / "log") == size + 2, "the erasure, and the end of Ann's delegation"
    for leaf, receipt in receipts:
        TlogProof.parse(receipt).verify(leaf, policy_for(SIGNER.verifier), origin=ORIGIN)
    joined = store.run(register_member, at=NOW)
    assert number_of(store, joined) > number, "her number is never given to anybody else"


def test_an_erased_members_cohort_bit_is_gone_from_warm_memory(store):
    from consent_center.workflows.preview_cohort import count_cohort

    mei, *_ = lived(store)
    assert store.read(count_cohort, "sales", [TRAIN], at=NOW) == 2
    store.run(erase_member, mei, even_untold=True, at=NOW)
    assert store.read(count_cohort, "sales", [TRAIN], at=NOW) == 1


def test_erasure_reaches_every_table_that_names_a_member_and_what_depends_on_them():
    erased = erasure.hers()
    for name in ("payload", "statement", "statement_item", "run_member", "passkey", "sign_in_address", "decision"):
        assert name in erased
    for name, above in (("right_step", "right_request"), ("attempt", "task"), ("decision_step", "decision")):
        assert above in erased[name]
    for name in ("entry", "leaf", "run", "charge", "definition", "staff"):
        assert name not in erased


def test_her_keys_alone_find_all_her_entries_and_nobody_elses(store):
    mei, ann, _ = lived(store)
    advance_all(store)
    leaves = [json.loads(leaf) for leaf in store.read(entries.leaves_since, 0)]

    def hers(member):
        keys = store.read(member_keys.read, [number_of(store, member)])[number_of(store, member)]
        return [
            index
            for index, leaf in enumerate(leaves)
            if "tag" in leaf and leaf["tag"] == subject_tag(keys.tag, UUID(leaf["id"])).hex()
        ]

    shown = store.read(show_history, mei, limit=100).lines
    assert hers(mei) == sorted(one.index for one in shown)
    assert len(shown) == 8
    assert not set(hers(mei)) & set(hers(ann))
    found_by_somebody = {index for member in lived_members(store) for index in hers(member)}
    assert found_by_somebody == {index for index, leaf in enumerate(leaves) if "tag" in leaf}


def lived_members(store):
    from sqlalchemy import text

    return store.read(lambda tx: list(tx.session.connection().execute(text("SELECT member FROM member")).scalars()))


def advance_all(store):
    from consent_center.storage import sequencer

    while store.run(sequencer.advance, members=True, at=NOW).more:
        pass


def test_rotation_rewraps_and_changes_nothing_else(store_url):
    with Store.open(store_url, keys=KEYS) as store:
        mei, *_ = lived(store)
        before = store.read(show_history, mei, limit=100).lines
    ring = KEYS.rotated()
    with Store.open(store_url, keys=ring) as store:
        store.run(begin_generation, [key.id for key in ring.generations], at=NOW)
        rewrap_all(store, at=NOW)
    with Store.open(store_url, keys=ring.without(KEYS.current.id)) as store:
        assert [(one.entry, one.said) for one in store.read(show_history, mei, limit=100).lines] == [
            (one.entry, one.said) for one in before
        ]


def test_a_key_is_destroyed_only_when_its_time_is_over_and_nothing_needs_it(small_store, tmp_path):
    found(small_store)
    keep = timedelta(days=30)
    small_store.run(begin_generation, [7], at=NOW)
    ring = KEYS.rotated()
    fresh = ring.current.id
    small_store.run(begin_generation, [7, fresh], at=NOW + DAY)

    def after(at):
        return [key.id for key in small_store.read(without_overdue, ring, keep=keep, at=at).generations]

    second = timedelta(seconds=1)
    assert after(NOW + DAY + keep - second) == [7, fresh]
    with pytest.raises(ErasureError, match="rewrap"):
        after(NOW + DAY + keep)
    small_store.close()
    with Store.open(small_store._writer.url.render_as_string(), keys=ring) as store:
        rewrap_all(store, at=NOW)
        kept = store.read(without_overdue, ring, keep=keep, at=NOW + DAY + keep)
        assert [key.id for key in kept.generations] == [fresh]


def test_an_old_backup_cannot_read_an_erased_payload_once_the_promised_days_are_over(tmp_path):
    path, backup = tmp_path / "a.db", tmp_path / "backup.db"
    keep = timedelta(days=30)
    with Store.open(f"sqlite:///{path}", keys=KEYS) as store:
        mei, *_ = lived(store)
        store.run(begin_generation, [7], at=NOW)
    with sqlite3.connect(path) as source, sqlite3.connect(backup) as copy:
        source.backup(copy)
    ring = KEYS.rotated()
    with Store.open(f"sqlite:///{path}", keys=ring) as store:
        store.run(erase_member, mei, even_untold=True, at=NOW + DAY)
        store.run(begin_generation, [key.id for key in ring.generations], at=NOW + DAY)
        rewrap_all(store, at=NOW + DAY)
        early = store.read(without_overdue, ring, keep=keep, at=NOW + DAY + keep - timedelta(seconds=1))
        late = store.read(without_overdue, ring, keep=keep, at=NOW + DAY + keep)
    shutil.copy(backup, tmp_path / "restored.db")
    with Store.open(f"sqlite:///{tmp_path / 'restored.db'}", keys=early) as store:
        assert store.read(show_history, mei).lines, "the control: within the promised days a backup is readable"
    with Store.open(f"sqlite:///{tmp_path / 'restored.db'}", keys=late) as store:
        with pytest.raises(UnknownKeyError):
            store.read(show_history, mei)
        assert store.read(statements.history, mei), "rows without payload are a matter of the backup's own deletion"


def test_sqlite_never_changes_an_entry_or_its_place(small_store):
    found(small_store)
    for table in ("entry", "leaf"):
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET {'at' if table == 'entry' else 'entry_id'} = 1"):
            with pytest.raises(StorageError):
                small_store.run(lambda tx, at, change=change: tx.session.connection().exec_driver_sql(change), at=NOW)


@pytest.fixture
def granted(postgres_url):
    """A store, and three roles that were granted their rights; dropped afterwards."""
    import secrets

    import psycopg

    names = [f"accord_{kind}_{secrets.token_hex(4)}" for kind in ("app", "seq", "eraser")]
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE ROLE {name}")
    with Store.open(postgres_url, keys=KEYS) as store:
        store.run(lambda tx, at: roles.grant(tx, application=names[0], sequencer=names[1], eraser=names[2]), at=NOW)
        yield store, names
    with psycopg.connect(postgres_url, autocommit=True) as admin:
        for name in names:
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}")


@pytest.mark.postgres
def test_the_application_only_inserts_the_sequencer_only_places_and_only_the_eraser_erases(granted):
    from consent_center.storage import sequencer

    store, (app, seq, eraser) = granted

    def as_role(role, work, *args, **more):
        def worked(tx, *, at):
            tx.session.connection().exec_driver_sql(f"SET LOCAL ROLE {role}")
            return work(tx, *args, **more, at=at)

        return store.run(worked, at=NOW)

    class AsApp:
        """What `found` needs of a store."""

        @staticmethod
        def run(work, *args, at, **more):
            return as_role(app, work, *args, **more)

    mei, ann, _ = found(AsApp)
    as_role(app, give_consent, mei, [TRAIN], **ANSWERED)
    for table in roles.APPEND_ONLY:
        for change in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE", f"UPDATE {table} SET {column_of(table)}"):
            for role in (app, seq):
                if (role, table) == (seq, "log_head") and change.startswith("UPDATE"):
                    continue
                with pytest.raises(StorageError, match="InsufficientPrivilege"):
                    as_role(role, lambda tx, at, change=change: tx.session.connection().exec_driver_sql(change))
    with pytest.raises(StorageError, match="InsufficientPrivilege"):
        as_role(app, sequencer.advance, members=True)
    with pytest.raises(StorageError, match="InsufficientPrivilege"):
        as_role(seq, give_consent, ann, [TRAIN], **ANSWERED)
    assert as_role(seq, sequencer.advance, members=True).size == store.read(entries.last_id)
    with pytest.raises(StorageError, match="InsufficientPrivilege"):
        as_role(app, erase_member, mei, even_untold=True)
    as_role(eraser, erase_member, mei, even_untold=True)
    with pytest.raises(StorageError, match="InsufficientPrivilege"):
        as_role(eraser, lambda tx, at: tx.session.connection().exec_driver_sql("DELETE FROM entry"))
    as_role(app, give_consent, ann, [TRAIN], **ANSWERED)


def column_of(table):
    name = next(iter(SQLModel.metadata.tables[table].columns.keys()))
    return f'"{name}" = "{name}"'
