"""The noise of each preview, kept so that it is drawn once."""

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from consent_center.storage.transaction import Transaction


class PreviewRow(SQLModel, table=True):
    """The noise of one set of items on one day."""

    __tablename__ = "preview"
    key: str = Field(primary_key=True)
    noise: int = Field(sa_type=BigInteger)


def find(tx: Transaction, key: str) -> int | None:
    """The noise that was drawn, or None."""
    row = tx.session.get(PreviewRow, key)
    return None if row is None else row.noise


def add(tx: Transaction, key: str, noise: int) -> None:
    """Keep drawn noise."""
    tx.session.add(PreviewRow(key=key, noise=noise))
    tx.session.flush()
