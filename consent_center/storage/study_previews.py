"""Noisy counts of whom a study would reach, as rows: drawn once for an item set and day, then only repeated."""

from sqlmodel import Field, SQLModel

from consent_center.storage.transaction import Transaction


class PreviewRow(SQLModel, table=True):
    """One noisy count of an item set on one day: drawn once, then only repeated."""

    __tablename__ = "cohort_preview"
    items: str = Field(primary_key=True)
    day: str = Field(primary_key=True)
    count: int


def find(tx: Transaction, items: str, day: str) -> int | None:
    """The noisy count that was drawn for this item set on this day, or None."""
    row = tx.session.get(PreviewRow, (items, day))
    return None if row is None else row.count


def add(tx: Transaction, items: str, day: str, count: int) -> None:
    """Keep a noisy count; the same question gets it again all day."""
    tx.session.add(PreviewRow(items=items, day=day, count=count))
    tx.session.flush()
