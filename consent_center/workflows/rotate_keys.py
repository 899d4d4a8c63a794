"""Wrapping keys change on a clock, so that erasure reaches backups."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from consent_center.errors import ErasureError
from consent_center.events import Event
from consent_center.storage import key_generations
from consent_center.storage.transaction import Store, Transaction
from privacy.keys import KeyRing

BATCH = 1000
FIRST = -(2**62)


def begin_generation(tx: Transaction, key_ids: Sequence[int], *, at: datetime) -> None:
    """Record that these wrapping keys are in use from now on, oldest first; those known keep their time."""
    tx.append(Event.of("staff.acted", public={"action": "keys.rotated", "role": "operator", "subject": "root"}), at=at)
    key_generations.begin(tx, key_ids, at=at)


def show_generations(tx: Transaction) -> set[int]:
    """A query for `store.read`: the wrapping keys that were recorded, destroyed ones included."""
    return key_generations.recorded(tx)


def record_destroyed(tx: Transaction, count: int, *, at: datetime) -> None:
    """Record that so many old wrapping keys are destroyed now."""
    told = {"action": "keys.destroyed", "role": "operator", "subject": "root"}
    tx.append(Event.of("staff.acted", public=told, private={"keys": count}), at=at)


def rewrap_all(store: Store, *, at: datetime) -> None:
    """Wrap every secret under the newest key of the store's ring, some at a time."""
    after: int | None = FIRST
    while after is not None:
        after = store.run(_rewrap, after, at=at)


def _rewrap(tx: Transaction, after: int, *, at: datetime) -> int | None:  # noqa: ARG001 - every workflow takes the time
    return key_generations.rewrap(tx, after=after, limit=BATCH)


def without_overdue(tx: Transaction, ring: KeyRing, *, keep: timedelta, at: datetime) -> KeyRing:
    """A query for `store.read`: the ring without the keys whose time is over. Store it in place of the old one.

    Raises:
        ErasureError: something is still wrapped under one of them.
    """
    going = key_generations.overdue(tx, [key.id for key in ring.generations], keep=keep, at=at)
    if still := key_generations.in_use(tx) & set(going):
        raise ErasureError(len(still), "secrets are still wrapped under an old key: rewrap them first")
    for key_id in going:
        ring = ring.without(key_id)
    return ring
