"""How many offers a month a member wants at most. Inserted, never changed; the newest stands."""

from datetime import datetime

from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, seconds
from consent_center.storage.transaction import Transaction


class LimitRow(SQLModel, table=True):
    """One setting of the limit."""

    __tablename__ = "offer_limit"
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("entry.id"), primary_key=True, autoincrement=False))
    member_no: int = Field(sa_column=Column(BigInteger, ForeignKey("member.no"), nullable=False, index=True))
    most: int
    at: int = Field(sa_type=BigInteger)


def add(tx: Transaction, member_no: int, most: int, *, at: datetime, entry: EntryId) -> None:
    """Keep a setting."""
    tx.session.add(LimitRow(entry_id=entry, member_no=member_no, most=most, at=seconds(at)))


def newest(tx: Transaction, member_no: int) -> int | None:
    """The setting that stands; None if she never set one."""
    query = select(LimitRow.most).where(LimitRow.member_no == member_no).order_by(col(LimitRow.entry_id).desc())
    return tx.session.exec(query.limit(1)).first()
