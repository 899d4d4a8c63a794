"""Published entries come back into a database that was restored from a backup.

What was signed cannot be unsigned: the log goes on only if the database holds the published leaves again, each at its
place. Their rows, payloads and keys are lost with the database; the leaves are not, because they were published. An
entry that was written after the restore, or waited in the backup, keeps its leaf and gets a place behind them.
"""

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text

from audit.log.tree import Frontier
from consent_center.events import Event
from consent_center.storage import entries
from consent_center.storage.bulk import insert_rows
from consent_center.storage.columns import seconds
from consent_center.storage.entries import EntryRow, LeafRow
from consent_center.storage.sequencer import locked_head
from consent_center.storage.transaction import Transaction


def recover(tx: Transaction, published: Sequence[bytes], frontier: Frontier, *, at: datetime) -> int:
    """Make the database agree with the published leaves; returns how many entries were brought back.

    Args:
        tx: the transaction; every other writer waits.
        published: all published leaves, verified by the caller.
        frontier: the tree over them.
        at: now.
    """
    state = locked_head(tx)
    connection = tx.session.connection()
    stored = entries.leaves_since(tx, 0)
    same = next((i for i, (mine, theirs) in enumerate(zip(stored, published, strict=False)) if mine != theirs), None)
    agreed = min(len(stored), len(published)) if same is None else same
    _unplace(tx, agreed)
    waiting = {
        bytes(leaf): number
        for number, leaf in connection.execute(
            text("SELECT id, leaf FROM entry e WHERE NOT EXISTS (SELECT 1 FROM leaf WHERE entry_id = e.id)")
        )
    }
    lost = [leaf for leaf in published[agreed:] if leaf not in waiting]
    numbers = dict(zip(lost, entries.next_ids(tx, len(lost)), strict=True)) if lost else {}
    rows = [(numbers[leaf], leaf, seconds(at), "class" in json.loads(leaf)) for leaf in lost]
    insert_rows(tx, EntryRow, ("id", "leaf", "at", "about_member"), rows)
    placed = [(index, {**waiting, **numbers}[leaf]) for index, leaf in enumerate(published[agreed:], agreed)]
    insert_rows(tx, LeafRow, ("leaf_index", "entry_id"), placed)
    if tx.dialect == "sqlite":  # the writer placed these itself, and nobody else would again
        connection.execute(
            text(
                "INSERT INTO leaf SELECT :size + row_number() OVER (ORDER BY id) - 1, id FROM entry e"
                " WHERE NOT about_member AND NOT EXISTS (SELECT 1 FROM leaf WHERE entry_id = e.id)"
            ),
            {"size": len(published)},
        )
    state.size, state.peaks = frontier.size, b"".join(frontier.peaks)
    state.entries_below = state.members_below = 0
    tx.session.flush()
    told = {"action": "log.recovered", "role": "operator", "subject": "log"}
    tx.append(Event.of("staff.acted", public=told, private={"brought_back": len(lost)}), at=at)
    return len(lost)


def _unplace(tx: Transaction, start: int) -> None:
    """Take places from `start` on away: they contradict what was published, so they were never signed."""
    connection = tx.session.connection()
    if tx.dialect == "sqlite":
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS leaf_no_delete")
    connection.execute(text("DELETE FROM leaf WHERE leaf_index >= :start"), {"start": start})
    if tx.dialect == "sqlite":
        connection.exec_driver_sql(entries.trigger("leaf", "DELETE"))
