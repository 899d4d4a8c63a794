"""Which yeses have ended since the last sweep looked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, text
from sqlmodel import Field, SQLModel

from consent_center.consent.scope import Item
from consent_center.storage.columns import from_seconds, seconds
from consent_center.storage.definitions import catalogue
from consent_center.storage.transaction import Transaction

_SWEEP = 1


class SweepRow(SQLModel, table=True):
    """Up to which end of a yes the sweep has looked."""

    __tablename__ = "sweep"
    id: int = Field(primary_key=True)
    ends: int = Field(sa_type=BigInteger)
    entry: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Ended:
    """A yes that ended by itself, with the items of which no later statement was made."""

    entry: int
    member_no: int
    ended_at: datetime
    items: tuple[Item, ...]


def since_last_sweep(tx: Transaction, *, limit: int, at: datetime) -> list[Ended]:
    """Up to `limit` yeses that ended after where the last sweep stopped, and note how far this one came."""
    row = tx.session.get(SweepRow, _SWEEP) or SweepRow(id=_SWEEP, ends=0, entry=0)
    connection = tx.session.connection()
    query = text(
        "SELECT entry_id, member_no, expires_at FROM statement"
        " WHERE expires_at <= :now AND (expires_at > :ends OR (expires_at = :ends AND entry_id > :entry))"
        " ORDER BY expires_at, entry_id LIMIT :limit"
    )
    found = connection.execute(query, {"now": seconds(at), "ends": row.ends, "entry": row.entry, "limit": limit}).all()
    names = {number: item for item, number in catalogue(tx).items.items()}
    ended = []
    for entry, member, ends in found:
        # An item that was answered again after this yes is that later statement's matter.
        standing = text(
            "SELECT i.item_no FROM statement_item i WHERE i.entry_id = :entry AND i.member_no = :member"
            " AND i.item_no IN (SELECT no FROM item) AND NOT EXISTS (SELECT 1 FROM statement_item l"
            " WHERE l.item_no = i.item_no AND l.member_no = i.member_no AND l.act NOT IN (8, 9)"
            " AND (l.at > i.at OR (l.at = i.at AND l.entry_id > i.entry_id)))"
        )
        items = tuple(names[one] for one in connection.execute(standing, {"entry": entry, "member": member}).scalars())
        if items:
            ended.append(Ended(entry, member, from_seconds(ends), items))
    if found:
        row.entry, _, row.ends = found[-1]
        tx.session.add(row)
        tx.session.flush()
    return ended
