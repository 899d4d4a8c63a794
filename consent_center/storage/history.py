"""A member's own entries, opened for her: newest first, in bounded pages."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlmodel import col

from audit.log.entry import SALT_SIZE
from consent_center.storage import member_keys
from consent_center.storage.columns import EntryId, from_seconds
from consent_center.storage.entries import EntryRow, LeafRow, PayloadRow
from consent_center.storage.transaction import Transaction
from privacy.envelope import place, unseal


@dataclass(frozen=True, slots=True)
class Happened:
    """One entry about a member.

    Attributes:
        entry: its number in the database; pages continue below the last one.
        index: its place in the log; None as long as it has none.
        leaf: the exact bytes of its leaf.
        salt, payload: what opens the leaf's commitment.
        said: the payload, read.
    """

    entry: EntryId
    index: int | None
    at: datetime
    leaf: bytes
    salt: bytes
    payload: bytes
    said: dict[str, Any]

    @property
    def kind(self) -> str:
        """Which kind of event it was."""
        return str(self.said.get("kind", ""))


def of_member(tx: Transaction, member_no: int, *, before: int | None = None, limit: int = 50) -> list[Happened]:
    """At most `limit` entries about a member, newest first, below entry number `before`."""
    query = _entries(member_no).order_by(col(PayloadRow.entry_id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(PayloadRow.entry_id) < before)
    return _opened(tx, member_no, query)


def at_index(tx: Transaction, member_no: int, index: int) -> Happened | None:
    """The member's entry at this place of the log; None if there is none of hers."""
    found = _opened(tx, member_no, _entries(member_no).where(col(LeafRow.leaf_index) == index))
    return found[0] if found else None


def _entries(member_no: int) -> Select[int, bytes, bytes, int, int]:
    return (
        select(
            col(PayloadRow.entry_id),
            col(PayloadRow.sealed),
            col(EntryRow.leaf),
            col(EntryRow.at),
            col(LeafRow.leaf_index),
        )
        .join(EntryRow, col(EntryRow.id) == col(PayloadRow.entry_id))
        .join(LeafRow, col(LeafRow.entry_id) == col(PayloadRow.entry_id), isouter=True)
        .where(col(PayloadRow.member_no) == member_no)
    )


def _opened(tx: Transaction, member_no: int, query: Select[int, bytes, bytes, int, int]) -> list[Happened]:
    rows = tx.session.connection().execute(query).all()
    if not rows:
        return []
    key = member_keys.read(tx, [member_no])[member_no].data
    found = []
    for entry, sealed, leaf, at, index in rows:
        plain = unseal(key, sealed, where=place("payload", "sealed", str(entry)))
        salt, payload = plain[:SALT_SIZE], plain[SALT_SIZE:]
        said = json.loads(payload)
        found.append(Happened(EntryId(entry), index, from_seconds(at), leaf, salt, payload, said))
    return found
