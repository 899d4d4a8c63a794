"""The packed consent state of everybody, built from committed rows and kept fresh.

Before it answers, it reads what was committed since it last looked: the members touched by newer entries are folded
anew from their rows, so the order in which changes arrive does not matter and applying one twice changes nothing.
On SQLite "since" is an entry number; on PostgreSQL it is the oldest transaction that was still running when it last
looked, because numbers are taken before they are committed.

Invariant: it never goes back to an older snapshot than it has seen.
"""

import threading
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap
from sqlalchemy import text
from sqlmodel import col, select

from consent_center.consent.bitmap import DAY_SECONDS, Bits, ItemBits, MemberBits
from consent_center.consent.delegation import DelegationKind
from consent_center.consent.grant import YES
from consent_center.consent.recent import KEPT_S, MOST, Recent
from consent_center.consent.scope import Item
from consent_center.storage import definitions
from consent_center.storage.bulk import chunks, read_columns
from consent_center.storage.columns import from_seconds
from consent_center.storage.delegations import DelegationRow, of_members
from consent_center.storage.members import MemberRow
from consent_center.storage.statements import ACT_NUMBERS, PAUSE_NUMBERS, said_about
from consent_center.storage.switches import SwitchRow, settings_of
from consent_center.storage.transaction import Transaction

_YES = [ACT_NUMBERS[act] for act in YES]
_REBUILD_FROM = 20_000
"""From this many touched members on, reading everything anew is faster than folding them one by one."""


@dataclass
class WarmBits:
    """Bits, and how far they have read."""

    bits: Bits
    numbers: dict[Item, int] = field(default_factory=dict)
    mark: tuple[int, ...] = (0,)
    lock: threading.RLock = field(default_factory=threading.RLock)


def fresh(tx: Transaction, items: Iterable[Item], *, at: datetime) -> WarmBits:
    """The bits of these items, as fresh as what is committed now.

    A transaction that only reads may find itself on a newer snapshot afterwards: what its own could still see may
    already be withdrawn.
    """
    warm: WarmBits = tx.warm.setdefault("bits", WarmBits(Bits(lambda _: None)))
    with warm.lock, tx.committed() as seen:
        mark = _mark(seen)
        if mark < warm.mark:
            seen.session.rollback()
            mark = _mark(seen)
        if mark != warm.mark:
            _catch_up(seen, warm, mark)
        for item in items:
            _load_if_needed(seen, warm, item, at=at)
    return warm


def _catch_up(tx: Transaction, warm: WarmBits, mark: tuple[int, ...]) -> None:
    """Read what was committed since the bits last looked."""
    known = definitions.catalogue(tx)
    touched = touched_since(tx, warm.mark) if warm.bits.items else set()
    # A mark that is still smaller is that of another history: a database that was put back as it had been.
    if mark < warm.mark or len(touched) >= _REBUILD_FROM:
        warm.bits = Bits(known.terms)
    warm.bits.terms = known.terms
    warm.numbers = dict(known.items)
    if warm.bits.items:
        _refold(tx, warm, touched)
    else:
        warm.bits.members = _load_members(tx)
    warm.mark = mark


def touched_since(tx: Transaction, mark: Sequence[int]) -> set[int]:
    """Numbers of the members whose statements, switches or delegations are newer than a mark.

    Not asked for distinct numbers: SQLite would then read all of them in their order, instead of the few newest.
    """
    since = "entry_id > :mark" if tx.dialect == "sqlite" else "entry_id IN (SELECT id FROM entry WHERE txid >= :mark)"
    found: set[int] = set()
    for table in ("statement", "switch", "delegation", "member"):
        number = "no" if table == "member" else "member_no"
        query = text(f"SELECT {number} FROM {table} WHERE {since}")
        found |= {row[0] for row in tx.session.connection().execute(query, {"mark": mark[0]})}
    ended = text(f"SELECT d.member_no FROM delegation_end e JOIN delegation d ON d.id = e.delegation WHERE e.{since}")
    found |= {row[0] for row in tx.session.connection().execute(ended, {"mark": mark[0]})}
    return found


def _mark(tx: Transaction) -> tuple[int, ...]:
    """Where this snapshot stands; a later snapshot has a mark that is not smaller."""
    connection = tx.session.connection()
    if tx.dialect == "sqlite":
        return (connection.execute(text("SELECT coalesce(max(id), 0) FROM entry")).scalar_one(),)
    query = text(
        "SELECT pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint,"
        " -(SELECT count(*) FROM pg_snapshot_xip(s)) FROM pg_current_snapshot() AS s"
    )
    return tuple(connection.execute(query).one())


def _refold(tx: Transaction, warm: WarmBits, touched: set[int]) -> None:
    if not touched:
        return
    numbers = {warm.numbers[item]: item for item in warm.bits.items}
    said = said_about(tx, touched, numbers)
    for number, item in numbers.items():
        bits = warm.bits.items[item]
        for member in touched:
            bits.put(member, said.get((member, number), ()))
    _put_members(tx, warm.bits.members, touched)


def _put_members(tx: Transaction, bits: MemberBits, members: Iterable[int]) -> None:
    listed = sorted(set(members))
    switches, given = settings_of(tx, listed), of_members(tx, listed)
    guarded: dict[int, datetime | None] = {}
    for some in chunks(listed):
        query = select(MemberRow.no, MemberRow.guarded_until).where(col(MemberRow.no).in_(some))
        guarded |= {no: None if until is None else from_seconds(until) for no, until in tx.session.exec(query)}
    for member in listed:
        bits.put(
            member,
            switches=switches.get(member, ()),
            guarded_until=guarded.get(member),
            guardians=[one.window for one in given.get(member, ()) if one.kind is DelegationKind.GUARDIAN],
        )


def _load_members(tx: Transaction) -> MemberBits:
    """Only members with a switch, a guardian's age or a delegation need a look; the rest have no bits."""
    special = set(tx.session.exec(select(SwitchRow.member_no).distinct()))
    special |= set(tx.session.exec(select(DelegationRow.member_no).distinct()))
    special |= set(tx.session.exec(select(MemberRow.no).where(col(MemberRow.guarded_until).is_not(None))))
    bits = MemberBits()
    _put_members(tx, bits, special)
    return bits


def _load_if_needed(tx: Transaction, warm: WarmBits, item: Item, *, at: datetime) -> None:
    terms = warm.bits.terms(item)
    if terms is None or item not in warm.numbers:
        return
    notice_from = terms.notice_from(at)
    known = warm.bits.items.get(item)
    if known is None or known.notice_from != notice_from:
        warm.bits.items[item] = _load(tx, warm.numbers[item], notice_from)


def _load(tx: Transaction, number: int, notice_from: int) -> ItemBits:
    """One item's bits from all its rows, folded column by column."""
    # Second, act and guardian share a number: the fewer columns, the sooner a million rows are here.
    read = read_columns(
        tx,
        "SELECT member_no, (at << 5) | (act << 1) | CAST(guardian AS INTEGER), coalesce(expires_at, 0), notice_no,"
        " entry_id FROM statement_item WHERE item_no = {number}",
        columns=5,
        number=number,
    )
    member, said, ends, notice, entry = read.T
    return fold_columns(
        np.stack((member, said >> 1 & 15, said >> 5, ends, notice, said & 1, entry), axis=1), notice_from
    )


def fold_columns(rows: NDArray[np.int64], notice_from: int) -> ItemBits:
    """One item's bits from what was ever said about it.

    Args:
        rows: shape (statements, 7), in any order: member number, act, second, end of a yes (0 if none), notice
            number, guardian (0 or 1), entry number.
        notice_from: yeses under notices with a lower number no longer count.
    """
    if (rows[1:, 0] < rows[:-1, 0]).any():
        rows = rows[np.argsort(rows[:, 0], kind="stable")]
    member, act, said_at, ends, notice, guardian, entry = rows.T
    is_pause = np.isin(act, PAUSE_NUMBERS)
    # The order of grant.latest_choice: the latest; of one second the strictest act, the sooner end, the older notice.
    choice = _last_of_each(member, ~is_pause, (-entry, -notice, -ends, act, said_at))
    pause = _last_of_each(member, is_pause, (act, said_at))
    bits = ItemBits(notice_from, recent=_recent(member, said_at))
    yes = choice[np.isin(act[choice], _YES)]
    bits.yes = _bitmap(member[yes[notice[yes] >= notice_from]])
    bits.overtaken = _bitmap(member[yes[notice[yes] < notice_from]])
    days = ends[yes] // DAY_SECONDS
    order = np.argsort(days, kind="stable")
    edges = np.flatnonzero(np.diff(days[order])) + 1
    for group in np.split(order, edges) if len(order) else []:
        bits.ends[int(days[group[0]])] = _bitmap(np.sort(member[yes[group]]))
    for said, code in ACT_NUMBERS.items():
        if said not in YES and code not in PAUSE_NUMBERS and (of_act := _bitmap(member[choice[act[choice] == code]])):
            bits.no[said] = of_act
    bits.by_guardian = _bitmap(member[choice[guardian[choice] != 0]])
    bits.rests = _bitmap(member[pause[act[pause] == max(PAUSE_NUMBERS)]])
    return bits


def _recent(member: NDArray[np.int64], said_at: NDArray[np.int64]) -> Recent:
    """Who spoke in the last minutes, unless they are too many."""
    newest = int(said_at.max(initial=0))
    since = newest - KEPT_S if np.count_nonzero(said_at > newest - KEPT_S) <= MOST else newest
    late = said_at > since
    return Recent.of(zip(member[late].tolist(), said_at[late].tolist(), strict=True), since=since, newest=newest)


def _last_of_each(
    member: NDArray[np.int64], wanted: NDArray[np.bool_], keys: Sequence[NDArray[np.int64]]
) -> NDArray[np.int64]:
    """For each member the index of her row that comes last by `keys` (the last key weighs most)."""
    index = np.flatnonzero(wanted)
    of = member[index]
    first = np.ones(len(of), dtype=bool)
    first[1:] = of[1:] != of[:-1]
    if not first.all():
        order = np.lexsort((*(key[index] for key in keys), of))
        index, of = index[order], of[order]
    last = np.ones(len(of), dtype=bool)
    last[:-1] = of[1:] != of[:-1]
    return index[last]


def _bitmap(members: NDArray[np.int64]) -> BitMap:
    return BitMap(array("I", members.astype(np.uint32).tobytes()))
