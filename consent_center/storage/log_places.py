"""Entries by their place in the log, for whoever browses it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import text
from sqlmodel import col, func, select

from consent_center.storage.columns import from_seconds
from consent_center.storage.entries import EntryRow, LeafRow
from consent_center.storage.transaction import Transaction


def newest(tx: Transaction) -> tuple[int, datetime | None]:
    """How many places there are, and when the newest entry was recorded."""
    last = tx.session.exec(select(func.coalesce(func.max(LeafRow.leaf_index), -1))).one()
    return (0, None) if last < 0 else (last + 1, moment_at(tx, last))


def between(tx: Transaction, low: int, high: int) -> Iterator[tuple[int, bytes]]:
    """Index and leaf of the places from `low` until just before `high`, in order."""
    query = (
        select(LeafRow.leaf_index, EntryRow.leaf)
        .join(EntryRow, col(EntryRow.id) == col(LeafRow.entry_id))
        .where(LeafRow.leaf_index >= low, LeafRow.leaf_index < high)
        .order_by(col(LeafRow.leaf_index))
    )
    yield from tx.session.exec(query)


def of_kind(tx: Transaction, kind: str, low: int, high: int, *, limit: int) -> list[tuple[int, bytes]]:
    """Index and leaf of the newest places of one kind from `low` until just before `high`, newest first."""
    holds = "position({} in e.leaf) > 0" if tx.dialect == "postgresql" else "instr(e.leaf, {}) > 0"
    either = " OR ".join(holds.format(one) for one in (":kind", ":class"))
    query = text(
        "SELECT l.leaf_index, e.leaf FROM leaf l JOIN entry e ON e.id = l.entry_id"
        f" WHERE l.leaf_index >= :low AND l.leaf_index < :high AND ({either})"
        " ORDER BY l.leaf_index DESC LIMIT :limit"
    )
    wanted = {"kind": f'"kind":"{kind}"'.encode(), "class": f'"class":"{kind}"'.encode()}
    found = tx.session.connection().execute(query, {**wanted, "low": low, "high": high, "limit": limit})
    return [(index, bytes(leaf)) for index, leaf in found]


def moment_at(tx: Transaction, index: int) -> datetime:
    """When the entry at this place was recorded."""
    query = text("SELECT e.at FROM leaf l JOIN entry e ON e.id = l.entry_id WHERE l.leaf_index = :place")
    return from_seconds(tx.session.connection().execute(query, {"place": index}).scalar_one())
