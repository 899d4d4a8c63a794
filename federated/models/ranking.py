"""From a finished preference model and a member's own history to her lists: computed where her history is.

    new to me    items she has not bought:  max(Q + rE, 1e-4) · (her share of its department / everybody's)^.25
    buy again    all items she ever bought: decayed count + 3Q

A member with few purchases has a Q close to the noised popularity, so a newcomer gets a list too (cold start).

Source:
    Steck 2018, "Calibrated recommendations", equation 6, for `recalibrated`.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from federated.models.model import Matrix, Vector
from federated.models.residuals import activity, expected, heads

Integers = npt.NDArray[np.int64]
LEAST = 1e-4
AFFINITY = 0.25
AGAIN = 3.0
SMOOTHING = 0.01
LENGTH, TASTES = 10, 3
TRADE = 0.2
CHUNK = 1024


@dataclass(frozen=True)
class Learned:
    """What a preference model knows about one catalogue: nothing of any member.

    Attributes:
        p: noised popularity, shape (items,).
        e: what residuals of heads say about each other, shape (heads, heads).
        departments: of each item, coded, shape (items,).
    """

    p: Vector
    e: Matrix
    departments: Integers


def scores(learned: Learned, held: sparse.csr_array, again: sparse.csr_array) -> tuple[Matrix, Matrix]:
    """For "new to me" and for "buy again", shape (members, items) each; -inf for what is not for that list.

    Args:
        learned: the model.
        held: sets of items, shape (members, items).
        again: decayed counts, same shape.
    """
    x = held.toarray()
    sizes = np.diff(held.indptr)
    q = expected(learned.p, activity(learned.p, sizes))
    chosen = heads(learned.p, len(learned.e))
    fresh = q.copy()
    fresh[:, chosen] += np.where(sizes[:, None] > 0, x[:, chosen] - q[:, chosen], 0.0) @ learned.e
    np.maximum(fresh, LEAST, out=fresh)
    fresh *= (_affinity(learned, x, sizes) ** AFFINITY)[:, learned.departments]
    owned = x > 0
    return np.where(owned, -np.inf, fresh), np.where(owned, again.toarray() + AGAIN * q, -np.inf)


def lists_of(
    learned: Learned, held: sparse.csr_array, again: sparse.csr_array, *, closed: npt.NDArray[np.bool_]
) -> dict[str, npt.NDArray[np.int32]]:
    """Each member's lists: "new" and "again", shape (members, 10), -1 where none, and "tastes", shape (members, 3).

    Args:
        learned: the model.
        held: sets of items, shape (members, items).
        again: decayed counts, same shape.
        closed: departments that a member does not want used, shape (members, departments): neither shown to her nor
            listed as a taste of hers.
    """
    parts: dict[str, list[Integers]] = {"new": [], "again": [], "tastes": []}
    for start in range(0, held.shape[0], CHUNK):
        rows = slice(start, start + CHUNK)
        fresh, owned = scores(learned, held[rows], again[rows])
        shut = closed[rows][:, learned.departments]
        fresh[shut], owned[shut] = -np.inf, -np.inf
        tastes = tastes_of(held[rows], learned.departments)
        tastes[closed[rows]] = 0.0
        total = tastes.sum(axis=1, keepdims=True)
        # Whoever has no taste that may be used gets everybody's mix.
        usual = learned.p @ np.eye(closed.shape[1])[learned.departments]
        mix = np.where(total > 0, tastes / np.maximum(total, 1e-12), usual / usual.sum())
        parts["new"].append(recalibrated(fresh, mix, learned.departments, length=LENGTH, trade=TRADE))
        parts["again"].append(_padded(top(owned, LENGTH), LENGTH))
        liked = np.where(tastes > 0, tastes, -np.inf)
        parts["tastes"].append(_padded(top(liked, TASTES), TASTES))
    empty = {"new": LENGTH, "again": LENGTH, "tastes": TASTES}
    return {
        name: (np.vstack(found) if found else np.zeros((0, empty[name]))).astype(np.int32)
        for name, found in parts.items()
    }


def _padded(lists: Integers, length: int) -> Integers:
    return np.pad(lists, ((0, 0), (0, length - lists.shape[1])), constant_values=-1)


def wanted_again(learned: Learned, held: sparse.csr_array, again: sparse.csr_array) -> Matrix:
    """Buy-again scores over the whole catalogue, so that a list of a short history can be filled up by Q."""
    q = expected(learned.p, activity(learned.p, np.diff(held.indptr)))
    return np.asarray(again.toarray() + AGAIN * q)


def top(values: Matrix, length: int) -> Integers:
    """The best `length` items of each member, best first, shape (members, length); -1 where there is none."""
    length = min(length, values.shape[1])
    found = np.argpartition(-values, length - 1, axis=1)[:, :length]
    order = np.argsort(-np.take_along_axis(values, found, 1), axis=1, kind="stable")
    found = np.take_along_axis(found, order, 1)
    return np.where(np.isfinite(np.take_along_axis(values, found, 1)), found, -1)


def recalibrated(values: Matrix, tastes: Matrix, departments: Integers, *, length: int, trade: float) -> Integers:
    """Lists whose departments are closer to the member's own mix, built greedily from her best candidates.

    Each step adds the item that gains most of (1 - trade) · score - trade · KL(tastes, list), scores scaled to 1.

    Args:
        values: scores, shape (members, items), -inf for what must not be shown.
        tastes: each member's mix of departments, rows summing to 1 or all zero, shape (members,
            departments).
        departments: of each item, coded.
        length: of the lists.
        trade: 0 leaves the order as it is, 1 looks at the mix alone; .2 costs nothing measurable.
    """
    candidates = top(values, 5 * length)
    members = np.arange(len(values))
    open_ = candidates >= 0
    safe = np.maximum(candidates, 0)
    gain = np.where(open_, np.take_along_axis(values, safe, 1), 0.0)
    gain /= np.maximum(gain.max(axis=1, keepdims=True), 1e-12)
    of = departments[safe]
    shown = np.zeros_like(tastes)
    lists = np.full((len(values), length), -1, dtype=np.int64)
    for place in range(min(length, candidates.shape[1])):
        # Adding an item changes one share of the list, so its divergence is the present one with one term replaced.
        size = place + 1.0
        q = (1 - SMOOTHING) * shown / size + SMOOTHING * tastes
        now = _divergence(tastes, q)
        here = np.take_along_axis(tastes, of, 1)
        before = np.take_along_axis(q, of, 1)
        after = before + (1 - SMOOTHING) / size
        kl = now[:, None] - here * (np.log(np.maximum(after, 1e-300)) - np.log(np.maximum(before, 1e-300)))
        value = np.where(open_, (1 - trade) * gain - trade * kl, -np.inf)
        best = np.argmax(value, axis=1)
        there = open_[members, best]
        lists[there, place] = candidates[members, best][there]
        shown[members[there], of[members, best][there]] += 1
        open_[members, best] = False
    return lists


def tastes_of(held: sparse.csr_array, departments: Integers) -> Matrix:
    """Each member's mix of departments, shape (members, departments); zeros for an empty history."""
    counts: Matrix = held @ np.eye(int(departments.max()) + 1)[departments]
    total = counts.sum(axis=1, keepdims=True)
    return np.asarray(counts / np.maximum(total, 1))


def ndcg(lists: Integers, relevant: sparse.csr_array) -> Vector:
    """Normalised discounted cumulative gain of each list, shape (members,); NaN where nothing is relevant.

    Source:
        Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", with gains 0 and 1.
    """
    hits, wanted = _hits(lists, relevant)
    length = lists.shape[1]
    discount = 1 / np.log2(np.arange(2, length + 2))
    ideal = np.concatenate([[np.nan], np.cumsum(discount)])[np.minimum(wanted, length)]
    return np.asarray((hits @ discount) / ideal)


def recall(lists: Integers, relevant: sparse.csr_array) -> Vector:
    """Share of what is relevant that is in the list, shape (members,); NaN where nothing is relevant."""
    hits, wanted = _hits(lists, relevant)
    return np.asarray(hits.sum(axis=1) / np.where(wanted > 0, wanted, np.nan))


def one_of(lists: Integers, sizes: Integers) -> Vector:
    """One item of each list, at the place (size of her history mod length), shape (members,); NaN where none is."""
    chosen = np.take_along_axis(lists, (sizes % lists.shape[1])[:, None], 1)[:, 0]
    return np.where(chosen >= 0, chosen.astype(np.float64), np.nan)


def _hits(lists: Integers, relevant: sparse.csr_array) -> tuple[Matrix, Integers]:
    dense = relevant.toarray()
    hits = np.take_along_axis(dense, np.maximum(lists, 0), 1) * (lists >= 0)
    return hits, dense.sum(axis=1).astype(np.int64)


def _affinity(learned: Learned, x: Matrix, sizes: Integers) -> Matrix:
    shelves = np.eye(int(learned.departments.max()) + 1)[learned.departments]
    usual = learned.p @ shelves
    usual = np.maximum(usual / usual.sum(), 1e-9)
    return np.asarray((x @ shelves + usual) / (sizes[:, None] + 1) / usual)


def _divergence(tastes: Matrix, shares: Matrix) -> Vector:
    terms = np.where(tastes > 0, tastes * (np.log(np.maximum(tastes, 1e-300)) - np.log(np.maximum(shares, 1e-300))), 0)
    return np.asarray(terms.sum(axis=1))
