"""Gauges of recommendations: what a member's newest list is like, and how her lists change over time.

The definitions are those of `audit.fairness.diversity`; here they are fed with her own list, her own receipts and the
public catalogue. Products that the catalogue does not know are left out of all of them.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.fairness.diversity import exposure_by_group, filter_bubble, popularity_lift, steck_calibration
from audit.fairness.diversity import intra_list_diversity as apart_within
from audit.fairness.diversity import novelty as bits

Tables = Callable[[str], Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Shown:
    """What was shown to members and what they bought, coded.

    Attributes:
        members: pseudonyms of those who have a list.
        lists: product codes of each one's newest list, best first; lengths differ.
        catalogue: columns shelf (code), own, known; one entry for each product.
        shelves: names of the shelves, by code.
        newest: shelves of the newest lists, shape (members, shelves); `oldest` of the oldest.
        oldest: see `newest`.
        bought: codes of the products that each one bought up to her newest list.
        before: shelves of what was bought up to the oldest list; `after` between the two.
        after: see `before`.
    """

    members: list[str]
    lists: list[Integers]
    catalogue: dict[str, npt.NDArray[Any]]
    shelves: list[str]
    newest: Floats
    oldest: Floats
    bought: list[Integers]
    before: Floats
    after: Floats


def diversity(tables: Tables, members: Any, *, key: str) -> Any:
    """Share of the pairs of her list that lie on different shelves, 0 to 1."""
    shown = _read(tables, members, key)
    shelf = shown.catalogue["shelf"]
    apart = (shelf[:, None] != shelf[None, :]).astype(float)
    return _each(shown, key, lambda one: float(apart_within(one[None, :], apart)[0]) if len(one) > 1 else np.nan)


def lift(tables: Tables, members: Any, *, key: str) -> Any:
    """By how much her list is better known than what she buys herself: 0 as much, 1 twice."""
    shown = _read(tables, members, key)
    known = shown.catalogue["known"]
    lifts = [
        popularity_lift(one[None, :], np.bincount(own, minlength=len(known))[None, :], known)[0]
        for one, own in zip(shown.lists, shown.bought, strict=True)
    ]
    return _table(shown, key, np.array(lifts, dtype=float))


def novelty(tables: Tables, members: Any, *, key: str) -> Any:
    """Mean surprise of her list in bits: 1 for what every second member knows."""
    shown = _read(tables, members, key)
    return _each(shown, key, lambda one: float(bits(one[None, :], shown.catalogue["known"])[0]))


def calibration(tables: Tables, members: Any, *, key: str) -> Any:
    """How far the shelves of her list are from those she buys from (Steck's divergence): 0 alike."""
    shown = _read(tables, members, key)
    return _table(shown, key, steck_calibration(shown.before + shown.after, shown.newest))


def own_share(tables: Tables, members: Any, *, key: str) -> Any:
    """Share of her list's exposure that falls on own brands, 0 to 1: a place counts 1/log2(1 + place)."""
    shown = _read(tables, members, key)
    own = shown.catalogue["own"].astype(np.int64)
    return _each(shown, key, lambda one: float(exposure_by_group(one[None, :], own, 2)[1]))


def narrowing(tables: Tables, members: Any, *, key: str) -> Any:
    """Do her lists narrow against her own history? Below 0: from oldest to newest list, faster than she does."""
    shown = _read(tables, members, key)
    found = filter_bubble(shown.oldest, shown.newest, shown.before, shown.after)
    return _table(shown, key, found)


def stands_for(tables: Tables, members: Any, *, key: str) -> Any:
    """The shelf of the one product of her list that she stands for: a place is drawn by its exposure, from her name."""
    shown = _read(tables, members, key)
    drawn = [_drawn(who, one) for who, one in zip(shown.members, shown.lists, strict=True)]
    values = [shown.shelves[code] for code in shown.catalogue["shelf"][drawn]]
    return ibis.memtable(pa.table({key: pa.array(shown.members, pa.string()), "value": pa.array(values, pa.string())}))


def _drawn(member: str, products: Integers) -> int:
    """A public function of her pseudonym: the same in every audit, and nobody can choose it."""
    attention = np.cumsum(1 / np.log2(np.arange(2, len(products) + 2)))
    drawn = hashlib.sha256(b"accord/stands-for/v1\n" + member.encode()).digest()
    place = int.from_bytes(drawn[:8], "big") / 2**64 * attention[-1]
    return int(products[min(int(np.searchsorted(attention, place, side="right")), len(products) - 1)])


def _each(shown: Shown, key: str, number: Callable[[Integers], float]) -> Any:
    return _table(shown, key, np.array([number(one) for one in shown.lists], dtype=float))


def _table(shown: Shown, key: str, values: Floats) -> Any:
    numbers = pa.array(values, pa.float64(), mask=~np.isfinite(values))
    return ibis.memtable(pa.table({key: pa.array(shown.members, pa.string()), "value": numbers}))


def _read(tables: Tables, members: Any, key: str) -> Shown:
    stock = tables("catalogue").select("product", "shelf", "own", "known").order_by("product").to_pyarrow().to_pydict()
    codes = {product: code for code, product in enumerate(stock["product"])}
    names = sorted(set(stock["shelf"]))
    shelf = np.array([names.index(one) for one in stock["shelf"]], dtype=np.int64)
    catalogue = {"shelf": shelf, **{one: np.array(stock[one], dtype=float) for one in ("own", "known")}}

    listed = tables("lists").semi_join(members, key).to_pyarrow().to_pydict()
    lists: dict[str, dict[int, list[tuple[int, int]]]] = {}
    for who, week, place, product in zip(*(listed[one] for one in (key, "week", "place", "product")), strict=True):
        if product in codes:
            lists.setdefault(who, {}).setdefault(week, []).append((place, codes[product]))
    whose = sorted(lists)
    ends = {who: (min(lists[who]), max(lists[who])) for who in whose}

    receipts = tables("lines").semi_join(members, key).to_pyarrow().to_pydict()
    before: dict[str, list[int]] = {who: [] for who in whose}
    after: dict[str, list[int]] = {who: [] for who in whose}
    for who, week, product in zip(*(receipts[one] for one in (key, "week", "product")), strict=True):
        if who in ends and product in codes and week <= ends[who][1]:
            (before if week <= ends[who][0] else after)[who].append(codes[product])

    def shelves(products: Iterable[Sequence[int]]) -> Floats:
        rows = [np.bincount(shelf[list(some)], minlength=len(names)) for some in products]
        return np.array(rows, dtype=float).reshape(len(whose), len(names))

    def shown(end: int) -> list[list[int]]:
        return [[product for _, product in sorted(lists[who][ends[who][end]])] for who in whose]

    return Shown(
        members=whose,
        lists=[np.array(one, dtype=np.int64) for one in shown(1)],
        catalogue=catalogue,
        shelves=names,
        newest=shelves(shown(1)),
        oldest=shelves(shown(0)),
        bought=[np.array(before[who] + after[who], dtype=np.int64) for who in whose],
        before=shelves(before[who] for who in whose),
        after=shelves(after[who] for who in whose),
    )
