"""What a browser has begun and not finished: a challenge or a state that it must bring back, once. No audit entries."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from consent_center.storage.columns import moment, text
from consent_center.storage.transaction import Transaction


class BegunRow(SQLModel, table=True):
    """What a browser has begun: a challenge or a state that it must bring back, once."""

    __tablename__ = "sign_in_pending"
    holder: bytes = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    payload: str
    made_at: str


def put(tx: Transaction, holder: bytes, kind: str, payload: str, *, at: datetime) -> None:
    """Remember what a browser has begun; it replaces an earlier beginning of the kind."""
    tx.session.merge(BegunRow(holder=holder, kind=kind, payload=payload, made_at=text(at)))


def take(tx: Transaction, holder: bytes, kind: str) -> tuple[str, datetime] | None:
    """What the browser had begun and when, once; None if nothing."""
    row = tx.session.get(BegunRow, (holder, kind))
    if row is None:
        return None
    tx.session.delete(row)
    return row.payload, moment(row.made_at)
