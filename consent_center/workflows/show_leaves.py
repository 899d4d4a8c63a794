"""The log's leaves, for whoever publishes it."""

from consent_center.storage import entries
from consent_center.storage.transaction import Transaction


def show_leaves(tx: Transaction, index: int) -> list[bytes]:
    """A query for `store.read`: the leaves from this index on, in the order of the log."""
    return entries.leaves_since(tx, index)
