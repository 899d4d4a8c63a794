"""What an operator does with the log itself: look, and decide after a restore."""

from datetime import datetime
from pathlib import Path

from audit.errors import RootError
from audit.log.checkpoint import Checkpoint
from audit.log.hashing import leaf_hash
from audit.log.source import DirectorySource
from audit.log.tiles import TILE_WIDTH, TileName, decode_bundle
from audit.log.tree import Frontier
from consent_center.events import Event
from consent_center.storage import entries, log_recovery, sequencer
from consent_center.storage.transaction import Store, Transaction


def show_leaves(tx: Transaction, start: int, limit: int) -> list[bytes]:
    """A query for `store.read`: leaves in the order of the log."""
    return entries.leaves_between(tx, start, start + limit)


def show_leaf(tx: Transaction, index: int) -> bytes | None:
    """A query for `store.read`: the leaf at a place; None if there is none (yet)."""
    return next(iter(entries.leaves_between(tx, index, index + 1)), None)


def resume_log(tx: Transaction, *, at: datetime) -> None:
    """This database, moved with all its entries, is the right one."""
    sequencer.resume_elsewhere(tx)
    told = {"action": "log.resumed", "role": "operator", "subject": "log"}
    tx.append(Event.of("staff.acted", public=told), at=at)


def recover_entries(store: Store, directory: Path, head: Checkpoint, *, at: datetime) -> int:
    """Bring the published entries back; returns how many the database had lost.

    Args:
        store: the restored database; every service is stopped.
        directory: the published log, with its entry bundles.
        head: its checkpoint, whose signature the caller has verified.
        at: now.

    Raises:
        MissingFileError, FormatError: bundles are missing or damaged.
        RootError: the bundles do not give the signed root.
    """
    source = DirectorySource(directory)
    leaves: list[bytes] = []
    for index in range(-(-head.size // TILE_WIDTH)):
        width = min(TILE_WIDTH, head.size - index * TILE_WIDTH)
        leaves += decode_bundle(source.read(TileName(None, index, width).path()), width)
    frontier = Frontier().extend(map(leaf_hash, leaves))
    if frontier.root() != head.root:
        raise RootError(size=head.size)
    return store.run(log_recovery.recover, leaves, frontier, at=at)
