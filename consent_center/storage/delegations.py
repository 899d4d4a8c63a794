"""Who may speak for whom, as rows. A delegation is inserted; its end is a row of its own."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel, col, select

from consent_center.consent.delegation import Delegation, DelegationKind
from consent_center.storage.bulk import chunks, insert_rows
from consent_center.storage.columns import EntryId, from_seconds, seconds
from consent_center.storage.members import MemberRow
from consent_center.storage.transaction import Transaction


class DelegationRow(SQLModel, table=True):
    """Somebody may speak for a member."""

    __tablename__ = "delegation"
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("entry.id"), primary_key=True, autoincrement=False))
    id: str = Field(unique=True)
    member_no: int = Field(sa_column=Column(BigInteger, ForeignKey("member.no"), nullable=False, index=True))
    kind: str
    delegate: str = Field(index=True)
    evidence: str
    begins: int = Field(sa_type=BigInteger)
    ends: int = Field(sa_type=BigInteger)


class DelegationEndRow(SQLModel, table=True):
    """A delegation was taken back."""

    __tablename__ = "delegation_end"
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("entry.id"), primary_key=True, autoincrement=False))
    delegation: str = Field(foreign_key="delegation.id", unique=True)
    at: int = Field(sa_type=BigInteger)


def add(tx: Transaction, made: Delegation, *, member_no: int, entry: EntryId) -> None:
    """Keep a delegation."""
    columns = ("entry_id", "id", "member_no", "kind", "delegate", "evidence", "begins", "ends")
    row = (
        entry,
        made.id,
        member_no,
        made.kind.value,
        made.delegate,
        made.evidence,
        seconds(made.begins),
        seconds(made.ends),
    )
    insert_rows(tx, DelegationRow, columns, [row])


def end(tx: Transaction, delegation: str, *, at: int, entry: EntryId) -> None:
    """Keep that a delegation was taken back."""
    insert_rows(tx, DelegationEndRow, ("entry_id", "delegation", "at"), [(entry, delegation, at)])


def find(tx: Transaction, identifiers: Iterable[str]) -> dict[str, Delegation]:
    """Delegations by their identifiers; unknown ones are left out."""
    found: dict[str, Delegation] = {}
    for some in chunks(sorted(set(identifiers))):
        found |= {one.id: one for one in _read(tx, col(DelegationRow.id).in_(some))}
    return found


def of_members(tx: Transaction, members: Iterable[int]) -> dict[int, list[Delegation]]:
    """Member number -> every delegation about her."""
    found: dict[int, list[Delegation]] = {}
    for some in chunks(sorted(set(members))):
        numbers = dict(tx.session.exec(select(MemberRow.member, MemberRow.no).where(col(MemberRow.no).in_(some))).all())
        for one in _read(tx, col(DelegationRow.member_no).in_(some)):
            found.setdefault(numbers[one.member], []).append(one)
    return found


def of_delegate(tx: Transaction, delegate: str) -> list[Delegation]:
    """The delegations under which somebody may speak."""
    return _read(tx, col(DelegationRow.delegate) == delegate)


def _read(tx: Transaction, condition: object) -> list[Delegation]:
    query = (
        select(DelegationRow, MemberRow.member, DelegationEndRow.at)
        .join(MemberRow, col(MemberRow.no) == col(DelegationRow.member_no))
        .join(DelegationEndRow, col(DelegationEndRow.delegation) == col(DelegationRow.id), isouter=True)
        .where(condition)  # type: ignore[arg-type] # a column comparison; SQLModel has no public name for its type
        .order_by(col(DelegationRow.entry_id))
    )
    return [
        Delegation(
            id=row.id,
            member=member,
            kind=DelegationKind(row.kind),
            delegate=row.delegate,
            evidence=row.evidence,
            begins=from_seconds(row.begins),
            ends=from_seconds(row.ends),
            ended_at=from_seconds(ended) if ended else None,
        )
        for row, member, ended in tx.session.exec(query)
    ]
