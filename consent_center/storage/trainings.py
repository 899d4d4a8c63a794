"""When a run was admitted, when its rounds were settled, and where its entry stands in the log."""

from datetime import datetime

from sqlmodel import col, select

from consent_center.storage.columns import EntryId, from_seconds
from consent_center.storage.entries import EntryRow
from consent_center.storage.runs import RoundRow, RunRow
from consent_center.storage.transaction import Transaction


def admission_entry(tx: Transaction, run: str) -> EntryId | None:
    """The entry of a run's admission, or None if it was never admitted."""
    row = tx.session.get(RunRow, run)
    return None if row is None else EntryId(row.entry_id)


def settled_at(tx: Transaction, run: str) -> list[datetime]:
    """When each round of a run was settled, in the order of the rounds."""
    query = (
        select(EntryRow.at)
        .join(RoundRow, col(RoundRow.entry_id) == col(EntryRow.id))
        .where(RoundRow.run == run)
        .order_by(col(RoundRow.number))
    )
    return [from_seconds(at) for at in tx.session.exec(query)]
