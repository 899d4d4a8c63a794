"""What members said: inserted, never changed. The current state is a fold over it.

`statement` is one act; `statement_item` is what it says about each item, in the order in which verdicts and cohorts
look for it. A statement's number is its audit entry.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, SmallInteger
from sqlmodel import Field, SQLModel, col, select

from consent_center.consent.grant import Act, Actor, ActorKind, Recorded, Said, Statement
from consent_center.consent.scope import Item
from consent_center.errors import UnknownStatementError
from consent_center.storage.bulk import Rows, chunks, rows_among
from consent_center.storage.columns import EntryId, from_seconds, seconds
from consent_center.storage.definitions import DefinitionRow, catalogue
from consent_center.storage.entries import Beside
from consent_center.storage.members import MemberRow
from consent_center.storage.transaction import Transaction

ACT_NUMBERS = {
    Act.GIVEN: 1,
    Act.RENEWED: 2,
    Act.DEFERRED: 3,
    Act.REFUSED: 4,
    Act.INVALIDATED: 5,
    Act.REVOKED: 6,
    Act.WITHDRAWN: 7,
    Act.RESUMED: 8,
    Act.PAUSED: 9,
}
"""How rows write an act. Numbers are for ever; among choices the higher one is the stricter."""

PAUSE_NUMBERS = (ACT_NUMBERS[Act.RESUMED], ACT_NUMBERS[Act.PAUSED])

_ACTS = {number: act for act, number in ACT_NUMBERS.items()}
_ACTOR_NUMBERS = {ActorKind.MEMBER: 1, ActorKind.DELEGATE: 2, ActorKind.GUARDIAN: 3, ActorKind.HUB: 4}
_ACTORS = {number: kind for kind, number in _ACTOR_NUMBERS.items()}


class StatementRow(SQLModel, table=True):
    """One act of one person."""

    __tablename__ = "statement"
    __table_args__ = (
        Index("statement_member", "member_no", "entry_id"),
        Index("statement_ends", "expires_at", "entry_id"),
    )
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("entry.id"), primary_key=True, autoincrement=False))
    member_no: int = Field(sa_column=Column(BigInteger, ForeignKey("member.no"), nullable=False))
    act: int = Field(sa_type=SmallInteger)
    notice_no: int = Field(sa_column=Column(BigInteger, ForeignKey("definition.entry_id"), nullable=False))
    language: str
    choices: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    actor: int = Field(sa_type=SmallInteger)
    delegation: str | None = None
    reason: str


class StatementItemRow(SQLModel, table=True):
    """What one statement says about one item."""

    __tablename__ = "statement_item"
    __table_args__ = ({"sqlite_with_rowid": False},)
    item_no: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    member_no: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    act: int = Field(sa_type=SmallInteger)
    at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    notice_no: int = Field(sa_type=BigInteger)
    guardian: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """A statement ready to be kept: with the numbers of member, notice and items."""

    statement: Statement
    member_no: int
    notice_no: int
    item_nos: tuple[int, ...]


def rows_of(placed: Sequence[Placed]) -> Beside:
    """The rows that keep statements, once the numbers of their entries are known, in the same order."""
    return partial(_rows, placed)


def _rows(placed: Sequence[Placed], entries: Sequence[EntryId]) -> list[Rows]:
    acts: list[tuple[object, ...]] = []
    items: list[tuple[int, int, int, int, int, int | None, int, bool]] = []
    for one, entry in zip(placed, entries, strict=True):
        said = one.statement
        act, at = ACT_NUMBERS[said.act], seconds(said.at)
        ends = None if said.expires_at is None else seconds(said.expires_at)
        guardian = said.actor.kind is ActorKind.GUARDIAN
        acts.append(
            (
                entry,
                one.member_no,
                act,
                one.notice_no,
                said.language,
                bytes.fromhex(said.choices),
                at,
                ends,
                _ACTOR_NUMBERS[said.actor.kind],
                said.actor.delegation,
                said.reason,
            )
        )
        items.extend((item, one.member_no, entry, act, at, ends, one.notice_no, guardian) for item in one.item_nos)
    of_statement = (
        "entry_id",
        "member_no",
        "act",
        "notice_no",
        "language",
        "choices",
        "at",
        "expires_at",
        "actor",
        "delegation",
        "reason",
    )
    of_item = ("item_no", "member_no", "entry_id", "act", "at", "expires_at", "notice_no", "guardian")
    return [Rows(StatementRow, of_statement, acts), Rows(StatementItemRow, of_item, sorted(items, key=_place))]


def _place(row: tuple[int, int, int, int, int, int | None, int, bool]) -> tuple[int, int, int]:
    return row[:3]


def said_about(tx: Transaction, members: Iterable[int], items: Iterable[int]) -> dict[tuple[int, int], list[Said]]:
    """(member number, item number) -> what her statements say about the item, in any order."""
    wanted = ", ".join(str(int(one)) for one in sorted(set(items))) or "NULL"
    query = (
        "SELECT member_no, item_no, act, at, expires_at, notice_no, guardian, entry_id FROM statement_item"
        f" WHERE item_no IN ({wanted}) AND member_no IN {{values}}"
    )
    found: dict[tuple[int, int], list[Said]] = {}
    for number, item, act, at, ends, notice, guardian, entry in rows_among(tx, query, sorted(set(members))):
        found.setdefault((number, item), []).append(
            Said(
                act=_ACTS[act],
                at=from_seconds(at),
                expires_at=None if ends is None else from_seconds(ends),
                notice=notice,
                guardian=bool(guardian),
                entry=entry,
            )
        )
    return found


def history(tx: Transaction, member: str) -> list[tuple[EntryId, Statement]]:
    """Everything a member ever said, oldest first."""
    query = (
        select(StatementRow, DefinitionRow.code, DefinitionRow.version)
        .join(MemberRow, col(MemberRow.no) == col(StatementRow.member_no))
        .join(DefinitionRow, col(DefinitionRow.entry_id) == col(StatementRow.notice_no))
        .where(MemberRow.member == member)
        .order_by(col(StatementRow.entry_id))
    )
    rows = tx.session.exec(query).all()
    about = _items_of(tx, [row.entry_id for row, _, _ in rows])
    return [
        (EntryId(row.entry_id), _statement(row, member, code, version, about[row.entry_id]))
        for row, code, version in rows
    ]


def page(tx: Transaction, *, after: int, limit: int) -> list[Recorded]:
    """Up to `limit` statements after a number, oldest first."""
    query = (
        select(StatementRow, DefinitionRow.code, DefinitionRow.version, MemberRow.member)
        .join(MemberRow, col(MemberRow.no) == col(StatementRow.member_no))
        .join(DefinitionRow, col(DefinitionRow.entry_id) == col(StatementRow.notice_no))
        .where(StatementRow.entry_id > after)
        .order_by(col(StatementRow.entry_id))
        .limit(limit)
    )
    rows = tx.session.exec(query).all()
    about = _items_of(tx, [row.entry_id for row, _, _, _ in rows])
    return [
        Recorded(row.entry_id, _statement(row, member, code, version, about[row.entry_id]))
        for row, code, version, member in rows
    ]


def acts_of_numbers() -> dict[int, Act]:
    """How rows write acts, the other way round."""
    return dict(_ACTS)


def get(tx: Transaction, entry: EntryId) -> tuple[str, Statement]:
    """Member and statement of an entry.

    Raises:
        UnknownStatementError: no statement has this entry.
    """
    query = (
        select(StatementRow, DefinitionRow.code, DefinitionRow.version, MemberRow.member)
        .join(MemberRow, col(MemberRow.no) == col(StatementRow.member_no))
        .join(DefinitionRow, col(DefinitionRow.entry_id) == col(StatementRow.notice_no))
        .where(StatementRow.entry_id == entry)
    )
    found = tx.session.exec(query).first()
    if found is None:
        raise UnknownStatementError(entry, "no statement has this number")
    row, code, version, member = found
    return member, _statement(row, member, code, version, _items_of(tx, [entry])[entry])


def _statement(row: StatementRow, member: str, code: str, version: int, items: tuple[Item, ...]) -> Statement:
    return Statement(
        member=member,
        act=_ACTS[row.act],
        items=items,
        notice=code,
        notice_version=version,
        language=row.language,
        choices=row.choices.hex(),
        at=from_seconds(row.at),
        expires_at=None if row.expires_at is None else from_seconds(row.expires_at),
        actor=Actor(_ACTORS[row.actor], row.delegation),
        reason=row.reason,
    )


def _items_of(tx: Transaction, entries: Sequence[int]) -> dict[int, tuple[Item, ...]]:
    """Entry -> its items, in the order of their numbers."""
    names = {number: item for item, number in catalogue(tx).items.items()}
    found: dict[int, tuple[Item, ...]] = {}
    for some in chunks(entries):
        members = select(StatementRow.member_no).where(col(StatementRow.entry_id).in_(some))
        query = (
            select(StatementItemRow.entry_id, StatementItemRow.item_no)
            .where(col(StatementItemRow.entry_id).in_(some))
            .where(col(StatementItemRow.item_no).in_(list(names)))
            .where(col(StatementItemRow.member_no).in_(members))
            .order_by(col(StatementItemRow.item_no))
        )
        for entry, item in tx.session.exec(query):
            found[entry] = (*found.get(entry, ()), names[item])
    return found
