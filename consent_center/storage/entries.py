"""Audit entries, written in the transaction of what they are about.

Laws: entries are only ever inserted; an entry's row is apart from its place in the log, `leaf(leaf_index, entry_id)`,
so that a sequencer may place it later; the payload (what the commitment covers) is sealed under the member's data
key in a side table, and destroying that key leaves every proof valid.

On SQLite the writer places what is not about a member in the same transaction; everything else is placed by
`sequencer`.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, LargeBinary, event, func, text
from sqlmodel import Field, SQLModel, col, select

from audit.log.entry import SALT_SIZE, commitment, subject_tag
from consent_center.errors import EventError, UnknownMemberError
from consent_center.events import Event, leaf_of, payload_of
from consent_center.storage import member_keys
from consent_center.storage.bulk import Rows, driver_of, insert_together
from consent_center.storage.columns import EntryId, seconds
from consent_center.storage.handle import Handle
from consent_center.storage.member_keys import MemberKeys
from privacy.envelope import place, seal, unseal

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
"""On SQLite the row's own number: one tree less to write in every transaction."""


class EntryRow(SQLModel, table=True):
    """One audit entry: the exact bytes of its leaf. Inserted, never changed.

    `txid` is PostgreSQL's number of the writing transaction: a sequencer takes entries below the oldest one running.
    """

    __tablename__ = "entry"
    __table_args__ = (Index("entry_txid", "txid", "id", sqlite_where=text("txid IS NOT NULL")),)
    id: int = Field(sa_column=Column(_NUMBER, primary_key=True, autoincrement=False))
    leaf: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: int = Field(sa_column=Column(BigInteger, nullable=False))
    about_member: bool
    txid: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))


class LeafRow(SQLModel, table=True):
    """Where an entry stands in the log.

    No foreign key: entries are never deleted, whoever places one has just read it, and a place without its entry is a
    gap that stops the log. The key would cost as much as the placing.
    """

    __tablename__ = "leaf"
    leaf_index: int = Field(sa_column=Column(_NUMBER, primary_key=True, autoincrement=False))
    entry_id: int = Field(unique=True, sa_type=BigInteger)


class PayloadRow(SQLModel, table=True):
    """What an entry's commitment covers, with its salt, sealed under the member's data key.

    One key finds it by entry and lists a member's: an index less to write with every entry (PostgreSQL). On SQLite the
    rows lie in the order in which they came; in the order of members an import would write every page of the table.
    """

    __tablename__ = "payload"
    member_no: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    sealed: bytes


_ENTRY_TABLE = SQLModel.metadata.tables["entry"]
event.listen(
    _ENTRY_TABLE,
    "after_create",
    DDL(  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
        "CREATE SEQUENCE IF NOT EXISTS entry_id_seq; "
        "ALTER TABLE entry ALTER COLUMN txid SET DEFAULT (pg_current_xact_id()::text::bigint)"
    ).execute_if(dialect="postgresql"),
)


def trigger(table: str, change: str) -> str:
    """The statement that makes SQLite refuse to change a table."""
    return (
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{change.lower()} BEFORE {change} ON {table}"
        " BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END"
    )


for _name in ("entry", "leaf"):
    for _change in ("UPDATE", "DELETE"):
        event.listen(
            SQLModel.metadata.tables[_name],
            "after_create",
            DDL(  # type: ignore[no-untyped-call] # as above
                trigger(_name, _change)
            ).execute_if(dialect="sqlite"),
        )


Beside = Callable[[list[EntryId]], Sequence[Rows]]
"""The numbers of new entries -> the rows of state that name them."""


def append(tx: Handle, events: Sequence[Event], *, at: datetime | None, beside: Beside | None = None) -> list[EntryId]:
    """Write entries in this transaction, in this order.

    Args:
        tx: the transaction.
        events: what happened.
        at: when it is recorded.
        beside: the rows of state that belong to them; on PostgreSQL a few are written in one statement with them.

    Raises:
        EventError: no time was given, or a leaf would say too much.
        UnknownMemberError: an entry about a member who was erased.
    """
    if at is None:
        raise EventError("an entry needs the time: pass `at` to the workflow")
    if not events:
        return []
    numbers: list[int] | None = None
    if len(events) == 1 and events[0].member is not None:
        keys, numbers = _key_and_number(tx, events[0].member)
    else:
        whose = {event.member or member_keys.PROGRAMME for event in events if _has_payload(event)}
        keys = member_keys.read(tx, whose)
    if numbers is None:
        numbers = next_ids(tx, len(events))
    random = os.urandom((16 + SALT_SIZE) * len(events))
    when = seconds(at)
    entries, payloads = [], []
    for offset, happened in enumerate(events):
        start = (16 + SALT_SIZE) * offset
        drawn, salt = random[start : start + 16], random[start + 16 : start + 16 + SALT_SIZE]
        number, name = numbers[offset], UUID(bytes=drawn)
        committed = tag = None
        if _has_payload(happened):
            payload = payload_of(happened, at=at)
            mine = keys[happened.member or member_keys.PROGRAMME]
            committed = commitment(salt, payload)
            if happened.member is not None:
                tag = subject_tag(mine.tag, name)
            sealed = seal(mine.data, salt + payload, where=_where(number))
            payloads.append((happened.member or member_keys.PROGRAMME, number, sealed))
        leaf = leaf_of(happened, at=at, entry=name, committed=committed, tag=tag)
        entries.append((number, leaf, when, happened.member is not None))
    made = [EntryId(number) for number in numbers]
    rows = [Rows(EntryRow, _OF_ENTRY, entries), Rows(PayloadRow, _OF_PAYLOAD, payloads)]
    if tx.dialect == "sqlite" and not all(row[3] for row in entries):
        placed = [row[0] for row in entries if not row[3]]
        rows.append(Rows(LeafRow, _OF_LEAF, list(enumerate(placed, _size(tx)))))
    insert_together(tx, [*rows, *(beside(made) if beside is not None else ())])
    return made


def leaves_since(tx: Handle, index: int) -> list[bytes]:
    """The leaves from this index on, in the order of the log."""
    query = (
        select(EntryRow.leaf)
        .join(LeafRow, col(LeafRow.entry_id) == col(EntryRow.id))
        .where(LeafRow.leaf_index >= index)
        .order_by(col(LeafRow.leaf_index))
    )
    return list(tx.session.exec(query))


def leaves_between(tx: Handle, start: int, stop: int) -> list[bytes]:
    """The leaves with these indexes, in the order of the log."""
    query = (
        select(EntryRow.leaf)
        .join(LeafRow, col(LeafRow.entry_id) == col(EntryRow.id))
        .where(LeafRow.leaf_index >= start, LeafRow.leaf_index < stop)
        .order_by(col(LeafRow.leaf_index))
    )
    return list(tx.session.exec(query))


def leaf_index(tx: Handle, entry: EntryId) -> int | None:
    """Where an entry stands in the log; None as long as it has no place."""
    return tx.session.exec(select(LeafRow.leaf_index).where(LeafRow.entry_id == entry)).first()


def leaf(tx: Handle, entry: EntryId) -> bytes:
    """The exact bytes of an entry's leaf.

    Raises:
        EventError: no such entry.
    """
    found = tx.session.exec(select(EntryRow.leaf).where(EntryRow.id == entry)).first()
    if found is None:
        raise EventError("no such entry")
    return found


def opened(tx: Handle, member_no: int, entry: EntryId) -> tuple[bytes, bytes] | None:
    """Salt and payload that open the commitment of an entry about this member; None if there are none (any more)."""
    row = tx.session.get(PayloadRow, (member_no, entry))
    if row is None:
        return None
    keys = member_keys.read(tx, [member_no])[member_no]
    plain = unseal(keys.data, row.sealed, where=_where(entry))
    return plain[:SALT_SIZE], plain[SALT_SIZE:]


def last_id(tx: Handle) -> int:
    """The highest number of an entry that this snapshot sees; 0 if there is none."""
    return tx.session.exec(select(func.coalesce(func.max(EntryRow.id), 0))).one()


_OF_ENTRY = ("id", "leaf", "at", "about_member")
_OF_PAYLOAD = ("member_no", "entry_id", "sealed")
_OF_LEAF = ("leaf_index", "entry_id")
_KEY_AND_NUMBER = {
    "postgresql": "SELECT wrapped, nextval('entry_id_seq') FROM member_key WHERE member_no = %s",
    "sqlite": ("SELECT wrapped, (SELECT coalesce(max(id), 0) + 1 FROM entry) FROM member_key WHERE member_no = ?"),
}


def _key_and_number(tx: Handle, member: int) -> tuple[dict[int, MemberKeys], list[int]]:
    """A member's keys and the next entry's number, in one round trip."""
    row = driver_of(tx).execute(_KEY_AND_NUMBER[tx.dialect], (member,)).fetchone()
    if row is None:
        raise UnknownMemberError("", "she was erased, or never registered")
    return {member: member_keys.opened(tx, member, row[0])}, [int(row[1])]


def _has_payload(happened: Event) -> bool:
    return happened.member is not None or happened.private is not None


def _size(tx: Handle) -> int:
    return tx.session.exec(select(func.coalesce(func.max(LeafRow.leaf_index), -1))).one() + 1


def next_ids(tx: Handle, count: int) -> list[int]:
    """New numbers, growing; on PostgreSQL other writers may take some in between."""
    if tx.dialect == "sqlite":
        first = last_id(tx) + 1
        return list(range(first, first + count))
    taken = driver_of(tx).execute("SELECT nextval('entry_id_seq') FROM generate_series(1, %s)", (count,))
    return sorted(row[0] for row in taken.fetchall())


def _where(entry: int) -> bytes:
    return place("payload", "sealed", str(entry))
