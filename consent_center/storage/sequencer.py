"""Gives entries their place in the log, and folds them into the tree.

Laws: places are dense and never change; an entry gets its place only when no running transaction can still write one
that belongs before it (PostgreSQL: `txid < pg_snapshot_xmin`, ordered by transaction and number); entries about
members get theirs together, in an order drawn at random, so that neither time nor neighbourhood tells whose they are.
Order depends on no clock.

On SQLite the writer itself places entries that are not about members, see `entries.append`; this module places the
others and folds all. The fold (`log_head`) is committed with the places it covers: what is published is held against
it, so a database that was restored from a backup is noticed before anything is signed.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary, text
from sqlmodel import Field, SQLModel, select

from audit.log.hashing import EMPTY_ROOT, HASH_SIZE, leaf_hash
from audit.log.tree import Frontier
from consent_center.errors import LogOrderError, LogRestoredError
from consent_center.storage.bulk import driver_of, insert_rows
from consent_center.storage.columns import seconds
from consent_center.storage.entries import LeafRow
from consent_center.storage.handle import Handle

LOCK = 0x6163636F7264
"""The advisory lock of the one sequencer of a PostgreSQL database: "accord" in ASCII."""

BATCH = 20_000
"""Entries that one transaction places; a longer backlog takes several."""

_DRAWN = 16


class LogHeadRow(SQLModel, table=True):
    """The one row that says how far the log has come.

    `size` leaves are folded into `peaks`. Entries that are not about members have their place below `entries_below`,
    the others below `members_below`: numbers of transactions on PostgreSQL, of entries on SQLite. `latest_at` is the
    latest time any of them carries, for noticing a clock that went back. `cluster` names the PostgreSQL cluster whose
    transaction numbers these are.
    """

    __tablename__ = "log_head"
    id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    size: int = Field(sa_type=BigInteger)
    peaks: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    entries_below: int = Field(sa_type=BigInteger)
    members_below: int = Field(sa_type=BigInteger)
    latest_at: int = Field(sa_type=BigInteger)
    cluster: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Head:
    """Where the log stands in the database.

    Attributes:
        size: leaves folded so far.
        root: the root over them.
        fresh: the leaves `[size - len(fresh), size)`, those folded just now.
        more: more entries wait than one transaction places.
        members_wait: entries about members wait for their window to close.
        held_below: number of the oldest running transaction, if committed entries wait behind it; None otherwise.
        clock_behind_s: by how many seconds `at` is behind the latest entry; 0 if it is not.
    """

    size: int
    root: bytes
    fresh: tuple[bytes, ...] = ()
    more: bool = False
    members_wait: bool = False
    held_below: int | None = None
    clock_behind_s: int = 0


def head(tx: Handle) -> Head:
    """A query for `store.read`: how far the log was folded."""
    row = tx.session.exec(select(LogHeadRow)).first()
    if row is None:
        return Head(0, EMPTY_ROOT)
    return Head(row.size, _frontier(row).root())


def advance(tx: Handle, *, members: bool, at: datetime, batch: int = BATCH) -> Head:
    """Place what waits, fold it, and say where the log stands; one transaction, of one sequencer at a time.

    Args:
        tx: the transaction.
        members: also place entries about members: their window closes now.
        at: now; only held against the entries' times, never used for their order.
        batch: how many to place and fold at most.

    Raises:
        LogRestoredError: transaction numbers are not those of the database that was sequenced before.
        LogOrderError: places are not dense, which no code of ours makes.
    """
    state = locked_head(tx)
    horizon = _horizon(tx, state)
    more = False
    if tx.dialect == "postgresql":
        more = _place_entries(tx, state, horizon, batch)
    if members:
        more = _place_members(tx, state, horizon, batch) or more
    fresh, latest = _fold(tx, state, batch)
    state.latest_at = max(state.latest_at, latest)
    tx.session.flush()
    return Head(
        size=state.size,
        root=_frontier(state).root(),
        fresh=tuple(fresh),
        more=more or len(fresh) == batch,
        members_wait=not members and _members_wait(tx, state),
        held_below=horizon if tx.dialect == "postgresql" and _held(tx, horizon) else None,
        clock_behind_s=max(0, state.latest_at - seconds(at)),
    )


def resume_elsewhere(tx: Handle) -> None:
    """An operator's decision: this is the right database, though its transaction numbers are of another cluster.

    Everything that has no place yet will be looked at anew. Places are not changed; the published log still decides
    whether they are the right ones.
    """
    state = locked_head(tx)
    state.cluster = _cluster(tx)
    state.entries_below = state.members_below = 0
    tx.session.flush()


def locked_head(tx: Handle) -> LogHeadRow:
    """The state, locked until the transaction ends, so that even two leaders would take turns."""
    state = tx.session.exec(select(LogHeadRow).with_for_update()).first()
    if state is None:
        state = LogHeadRow(id=1, size=0, peaks=b"", entries_below=0, members_below=0, latest_at=0, cluster=_cluster(tx))
        tx.session.add(state)
        tx.session.flush()
    return state


def _cluster(tx: Handle) -> int:
    if tx.dialect == "sqlite":
        return 0
    found = tx.session.connection().execute(text("SELECT system_identifier FROM pg_control_system()"))
    return int(found.scalar_one())


def _horizon(tx: Handle, state: LogHeadRow) -> int:
    """Every entry below this number is visible to this transaction, and none will be added below it."""
    if tx.dialect == "sqlite":
        found = tx.session.connection().execute(text("SELECT coalesce(max(id), 0) + 1 FROM entry"))
        return int(found.scalar_one())
    row = tx.session.connection().execute(
        text(
            "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint"
            " FROM (SELECT pg_current_snapshot() AS s) AS now"
        )
    )
    lowest, next_one = row.one()
    if state.cluster != _cluster(tx) or next_one < max(state.entries_below, state.members_below):
        raise LogRestoredError(
            "the database is another one than the log was sequenced in: if it was moved with all its entries, decide so"
            " with `accord log resume`; otherwise restore the newer one"
        )
    return int(lowest)


_ENTRIES = """
WITH taken AS (
    SELECT id, txid FROM entry e
    WHERE txid >= :low AND txid < :high AND NOT about_member
      AND (SELECT leaf_index FROM leaf WHERE entry_id = e.id) IS NULL
    ORDER BY txid, id LIMIT :batch
), placed AS (
    INSERT INTO leaf (leaf_index, entry_id)
    SELECT :next + row_number() OVER (ORDER BY txid, id) - 1, id FROM taken
)
SELECT count(*), max(txid) FROM taken
"""
"""Whether an entry has its place is looked up one by one: a join would read the whole log for every part of it."""


def _place_entries(tx: Handle, state: LogHeadRow, horizon: int, batch: int) -> bool:
    values = {"low": state.entries_below, "high": horizon, "batch": batch, "next": _next_place(tx)}
    count, last = tx.session.connection().execute(text(_ENTRIES), values).one()
    if count == batch:
        state.entries_below = last  # the rest of this transaction's entries come next
        return True
    state.entries_below = horizon
    return False


def _place_members(tx: Handle, state: LogHeadRow, horizon: int, batch: int) -> bool:
    mark = "txid" if tx.dialect == "postgresql" else "id"
    found = tx.session.connection().execute(
        text(
            f"SELECT id, {mark} FROM entry e WHERE {mark} >= :low AND {mark} < :high AND about_member"
            f" AND (SELECT leaf_index FROM leaf WHERE entry_id = e.id) IS NULL ORDER BY {mark}, id LIMIT :batch"
        ),
        {"low": state.members_below, "high": horizon, "batch": batch},
    )
    waiting = found.all()
    drawn = os.urandom(_DRAWN * len(waiting))
    order = sorted(range(len(waiting)), key=lambda number: drawn[_DRAWN * number : _DRAWN * (number + 1)])
    first = _next_place(tx)
    insert_rows(
        tx,
        LeafRow,
        ("leaf_index", "entry_id"),
        [(first + place, waiting[number][0]) for place, number in enumerate(order)],
    )
    if len(waiting) == batch:
        state.members_below = waiting[-1][1]
        return True
    state.members_below = horizon
    return False


def _next_place(tx: Handle) -> int:
    found = tx.session.connection().execute(text("SELECT coalesce(max(leaf_index) + 1, 0) FROM leaf"))
    return int(found.scalar_one())


_PACKED = {
    "postgresql": (
        "SELECT count(*), min(leaf_index), max(leaf_index), max(at),"
        " string_agg(int4send(length(leaf)) || leaf, ''::bytea ORDER BY leaf_index)"
        " FROM (SELECT leaf_index, entry_id FROM leaf WHERE leaf_index >= %s ORDER BY leaf_index LIMIT %s) AS waiting"
        " CROSS JOIN LATERAL (SELECT leaf, at FROM entry WHERE id = entry_id OFFSET 0) AS its"
        " GROUP BY leaf_index / 256 ORDER BY 2"
    ),
    "sqlite": (
        "SELECT 1, l.leaf_index, l.leaf_index, e.at, e.leaf FROM leaf l JOIN entry e ON e.id = l.entry_id"
        " WHERE l.leaf_index >= ? ORDER BY l.leaf_index LIMIT ?"
    ),
}
"""Leaves by place; PostgreSQL packs them into few rows, because a row of its own costs more than a leaf's hash."""


def _fold(tx: Handle, state: LogHeadRow, batch: int) -> tuple[list[bytes], int]:
    """Fold the leaves that were placed and not folded; returns them, and the latest time among them."""
    if tx.dialect == "postgresql":
        with driver_of(tx).cursor(binary=True) as cursor:
            rows = cursor.execute(_PACKED[tx.dialect], (state.size, batch)).fetchall()
        leaves = [leaf for row in rows for leaf in _unpacked(row[4])]
    else:
        rows = driver_of(tx).execute(_PACKED[tx.dialect], (state.size, batch)).fetchall()
        leaves = [row[4] for row in rows]
    if not rows:
        return [], 0
    first, last = rows[0][1], rows[-1][2]
    if first != state.size or last != state.size + sum(row[0] for row in rows) - 1:
        raise LogOrderError(
            f"places {first} to {last} hold {len(leaves)} entries and follow {state.size}: "
            "nothing more is signed; compare the database with its backup and with the published log"
        )
    grown = _frontier(state).extend(map(leaf_hash, leaves))
    state.size, state.peaks = grown.size, b"".join(grown.peaks)
    return leaves, max(row[3] for row in rows)


def _unpacked(packed: bytes) -> Iterator[bytes]:
    """The leaves of one row: four bytes of length, then the leaf."""
    start = 0
    while start < len(packed):
        first = start + 4
        start = first + int.from_bytes(packed[start:first], "big")
        yield packed[first:start]


def _frontier(state: LogHeadRow) -> Frontier:
    peaks = (state.peaks[start : start + HASH_SIZE] for start in range(0, len(state.peaks), HASH_SIZE))
    return Frontier(state.size, tuple(peaks))


def _members_wait(tx: Handle, state: LogHeadRow) -> bool:
    mark = "txid" if tx.dialect == "postgresql" else "id"
    found = tx.session.connection().execute(
        text(f"SELECT 1 FROM entry WHERE {mark} >= :low AND about_member ORDER BY {mark}, id LIMIT 1"),
        {"low": state.members_below},
    )
    return found.first() is not None  # in order, by the index: `EXISTS` reads the whole log where nothing waits


def _held(tx: Handle, horizon: int) -> bool:
    """Are there committed entries that wait for an older transaction to end?"""
    found = tx.session.connection().execute(text("SELECT max(txid) >= :high FROM entry"), {"high": horizon})
    return bool(found.scalar_one())
