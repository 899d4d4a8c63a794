"""What a browser has begun and not finished: a challenge or a state that it must bring back, once. No audit entries."""

from datetime import datetime

from sqlalchemy import delete
from sqlmodel import Field, SQLModel, col

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
    # One statement, so that of two that bring it back at once one finds nothing.
    taken = delete(BegunRow).where(col(BegunRow.holder) == holder, col(BegunRow.kind) == kind)
    row = tx.session.exec(taken.returning(col(BegunRow.payload), col(BegunRow.made_at))).first()
    return None if row is None else (row.payload, moment(row.made_at))
