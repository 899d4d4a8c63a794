"""Queries for the log explorer: places of the log, newest first, as anybody may see them."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_center.storage import log_places
from consent_center.storage.transaction import Transaction

SCAN = 10_000


@dataclass(frozen=True)
class LogLine:
    """One place of the log, as anybody may see it."""

    index: int
    at: datetime | None
    kind: str
    shown: dict[str, Any]
    leaf: bytes


def show_log(
    tx: Transaction, *, below: int | None = None, kind: str = "", since: datetime | None = None, limit: int = 25
) -> tuple[list[LogLine], int | None, int]:
    """Places of the log, newest first: one page, where the next begins (None at the end), and the size.

    A kind is looked for in at most 10,000 entries at a time; the page then says where to go on.

    Args:
        tx: the transaction.
        below: only places below this index.
        kind: only entries of this kind, as the leaf shows it; empty for all.
        since: only entries recorded from this moment on.
        limit: lines on the page.
    """
    size, _ = log_places.newest(tx)
    top = size if below is None else min(below, size)
    floor = 0 if since is None else bisect_left(_Times(tx, size), since)
    if not kind:
        some = [_line(*one) for one in log_places.between(tx, max(floor, top - limit), top)]
        return some[::-1], (top - limit if top - limit > floor else None), size
    low = max(floor, top - SCAN)
    found = [_line(*one) for one in log_places.of_kind(tx, kind, low, top, limit=limit + 1)]
    if len(found) > limit:
        return found[:limit], found[limit - 1].index, size
    return found, (low if low > floor else None), size


def show_log_line(tx: Transaction, index: int) -> LogLine | None:
    """One place of the log; None if nothing is there."""
    found = list(log_places.between(tx, index, index + 1))
    return _line(*found[0]) if found else None


@dataclass(frozen=True)
class _Times(Sequence[datetime]):
    """The moments of the log's places, as a sequence to bisect: entries are placed in the order of time."""

    tx: Transaction
    size: int

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: Any) -> Any:
        return log_places.moment_at(self.tx, index)


def _line(index: int, leaf: bytes) -> LogLine:
    said = json.loads(leaf)
    shown = {key: value for key, value in said.items() if key not in ("v", "kind", "at", "id", "commitment", "tag")}
    kind = str(said.get("kind") or said.get("class"))
    at = datetime.fromisoformat(said["at"]) if "at" in said else None
    return LogLine(index, at, kind, shown, leaf)
