"""The noise of each preview, kept so that it is drawn once."""

from sqlalchemy import BigInteger, text
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


def keep(tx: Transaction, key: str, noise: int) -> int:
    """Keep drawn noise, unless somebody else's was kept meanwhile; the noise that holds."""
    query = text("INSERT INTO preview (key, noise) VALUES (:key, :noise) ON CONFLICT (key) DO NOTHING")
    tx.session.connection().execute(query, {"key": key, "noise": noise})
    held = find(tx, key)
    return noise if held is None else held
