"""When each wrapping key came into use, so that old ones are destroyed on a clock; and rewrapping under the newest.

A member's secret survives in a backup as long as the key that wraps it there. Law: a generation is destroyed once it
has been out of use for the promised number of days and wraps nothing any more; from then on no older backup opens.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import BigInteger, Column
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import from_seconds, seconds
from consent_center.storage.member_keys import MemberKeyRow
from consent_center.storage.member_keys import where as member_place
from consent_center.storage.tasks import EndpointRow
from consent_center.storage.transaction import Transaction
from privacy.envelope import key_id_of, place


class KeyGenerationRow(SQLModel, table=True):
    """One wrapping key: since when it was in use. The key itself is never here."""

    __tablename__ = "key_generation"
    key_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    since: int = Field(sa_type=BigInteger)


def begin(tx: Transaction, key_ids: Sequence[int], *, at: datetime) -> None:
    """Remember that these keys are in use; those that are known keep their time."""
    known = recorded(tx)
    for key_id in key_ids:
        if key_id not in known:
            tx.session.add(KeyGenerationRow(key_id=key_id, since=seconds(at)))
    tx.session.flush()


def recorded(tx: Transaction) -> set[int]:
    """The keys that were recorded, destroyed ones included."""
    return set(tx.session.exec(select(KeyGenerationRow.key_id)))


def rewrap(tx: Transaction, *, after: int, limit: int) -> int | None:
    """Wrap the secrets of some members, and those of recipients, under the newest key; data is not touched.

    Args:
        tx: the transaction.
        after: continue after this member's number.
        limit: how many members at most.

    Returns:
        The number to continue after; None when all are done.
    """
    rows = tx.session.exec(
        select(MemberKeyRow)
        .where(col(MemberKeyRow.member_no) > after)
        .order_by(col(MemberKeyRow.member_no))
        .limit(limit)
    ).all()
    for row in rows:
        row.wrapped = tx.keys.rewrap(row.wrapped, where=member_place(row.member_no))
    if len(rows) == limit:
        tx.session.flush()
        return rows[-1].member_no
    for endpoint in tx.session.exec(select(EndpointRow)):
        endpoint.wrapped = tx.keys.rewrap(endpoint.wrapped, where=place("endpoint", "wrapped", endpoint.recipient))
    tx.session.flush()
    return None


def in_use(tx: Transaction) -> set[int]:
    """The keys under which anything is still wrapped."""
    wrapped = [*tx.session.exec(select(MemberKeyRow.wrapped)), *tx.session.exec(select(EndpointRow.wrapped))]
    return {key_id_of(one) for one in wrapped}


def overdue(tx: Transaction, held: Sequence[int], *, keep: timedelta, at: datetime) -> list[int]:
    """The keys, of those held, that went out of use at least `keep` ago.

    A key goes out of use when the next one comes into use.

    Args:
        tx: the transaction.
        held: key ids, oldest first.
        keep: how long backups must stay readable, and no longer.
        at: now.
    """
    since = dict(tx.session.exec(select(KeyGenerationRow.key_id, KeyGenerationRow.since)).all())
    found = []
    for old, following in pairwise(held):
        if following in since and from_seconds(since[following]) + keep <= at:
            found.append(old)
    return found
