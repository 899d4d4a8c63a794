"""What lists of recommendations do to members: how varied they are, whom they expose, whether they narrow over time.

Ten short measures of public lists. Items are codes 0 to items - 1; a list is a row of distinct codes, best first. Lists
of one member are hers: run these at her site, and let only noised sums over members leave it.
"""

import numpy as np
import numpy.typing as npt

from audit.fairness.errors import CodingError, TableMismatchError
from audit.fairness.intervals import Numbers

Lists = npt.NDArray[np.integer]


def intra_list_diversity(lists: Lists, apart: npt.ArrayLike) -> Numbers:
    """Mean distance of the pairs of items within each list, shape (members,); 0 for lists of one item.

    Args:
        lists: shape (members, length).
        apart: distances between items, shape (items, items), symmetric; for example 1 - cosine of their features, or 0
            in the same category and 1 in different ones.

    Source:
        Ziegler et al. 2005, "Improving recommendation lists through topic diversification", section 3.3.
    """
    distances = np.asarray(apart, dtype=float)
    _check(lists, distances.shape[0])
    length = lists.shape[1]
    if length < 2:
        return np.zeros(lists.shape[0])
    upper = np.triu_indices(length, 1)
    return np.asarray(distances[lists[:, upper[0]], lists[:, upper[1]]].mean(axis=1))


def catalogue_coverage(lists: Lists, items: int) -> float:
    """Share of the catalogue that is in at least one list, 0 to 1.

    Source:
        Ge, Delgado-Battenfeld, Jannach 2010, "Beyond accuracy: evaluating recommender systems by coverage and
        serendipity", section 3.
    """
    _check(lists, items)
    return len(np.unique(lists)) / items


def gini(exposures: npt.ArrayLike) -> float:
    """How unequally exposure falls on items: 0 all alike, towards 1 all on one. 0 if nothing was exposed.

    Args:
        exposures: shape (items,), at least 0; items never shown belong in it with 0.

    Source:
        Gini 1912, as (2 sum_i i x_(i) / (n sum x)) - (n + 1) / n.
    """
    ordered = np.sort(np.asarray(exposures, dtype=float))
    n, total = len(ordered), ordered.sum()
    if n == 0 or total <= 0:
        return 0.0
    return float(2 * np.sum(np.arange(1, n + 1) * ordered) / (n * total) - (n + 1) / n)


def exposure(lists: Lists, items: int) -> Numbers:
    """How much attention each item gets: 1/log2(1 + rank), summed over lists, shape (items,).

    Source:
        Singh, Joachims 2018, "Fairness of exposure in rankings", section 3.1.
    """
    _check(lists, items)
    attention = np.broadcast_to(1 / np.log2(np.arange(2, lists.shape[1] + 2)), lists.shape)
    return np.asarray(np.bincount(lists.ravel(), weights=attention.ravel(), minlength=items), dtype=float)


def exposure_by_group(lists: Lists, owner: npt.NDArray[np.integer], groups: int) -> Numbers:
    """Share of all exposure that falls on the items of each group (brand, partner, size), shape (groups,).

    Args:
        lists: shape (members, length).
        owner: group of each item, shape (items,).
        groups: number of groups.
    """
    each = np.bincount(owner, weights=exposure(lists, len(owner)), minlength=groups)
    return np.asarray(each / each.sum() if each.sum() > 0 else each)


def popularity_lift(lists: Lists, histories: npt.ArrayLike, popularity: npt.ArrayLike) -> Numbers:
    """By how much lists are more popular than what members take themselves, shape (members,): 0 as much, 1 twice.

    Args:
        lists: shape (members, length).
        histories: purchases per member and item, shape (members, items).
        popularity: of each item, shape (items,), > 0 for items in lists; for example share of members who bought it.

    Returns:
        (mean popularity of the list - that of her purchases) / that of her purchases; NaN for a member without history.

    Source:
        Abdollahpouri, Mansoury, Burke, Mobasher 2020, "The connection between popularity bias, calibration, and
        fairness in recommendation", equation 5.
    """
    taken, weight = np.asarray(histories, dtype=float), np.asarray(popularity, dtype=float)
    _check(lists, len(weight))
    total = taken.sum(axis=1)
    own = np.divide(taken @ weight, total, out=np.zeros_like(total), where=total > 0)
    shown = weight[lists].mean(axis=1)
    return np.asarray(np.divide(shown - own, own, out=np.full_like(own, np.nan), where=own > 0))


def steck_calibration(histories: npt.ArrayLike, shown: npt.ArrayLike, *, smoothing: float = 0.01) -> Numbers:
    """How far the categories of each list are from those of the member's history, shape (members,); 0 alike.

    KL(p || (1 - a) q + a p) with natural logarithms: p the shares of categories in her history, q in her list.

    Args:
        histories: counts or weights, shape (members, categories).
        shown: the same for her list.
        smoothing: a, in (0, 1); keeps a category missing from the list finite.

    Returns:
        NaN for a member with no history or an empty list.

    Source:
        Steck 2018, "Calibrated recommendations", equations 2 to 5.
    """
    p, q = _shares(histories), _shares(shown)
    if p.shape != q.shape:
        raise TableMismatchError("histories and lists must have the same members and categories")
    mixed = (1 - smoothing) * q + smoothing * p
    terms = np.zeros_like(p)
    seen = p > 0
    terms[seen] = p[seen] * np.log(p[seen] / mixed[seen])
    return np.asarray(terms.sum(axis=1) + 0 * p.sum(axis=1))


def novelty(lists: Lists, popularity: npt.ArrayLike) -> Numbers:
    """Mean self-information of each list in bits, shape (members,): log2(1 / share of members who know the item).

    Args:
        lists: shape (members, length).
        popularity: share of members who already took the item, shape (items,), in [0, 1]; 0 counts as the smallest
            share above 0.

    Source:
        Zhou et al. 2010, "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 107.
    """
    shares = np.asarray(popularity, dtype=float)
    _check(lists, len(shares))
    known = shares[shares > 0]
    least = known.min() if known.size else 1.0
    return np.asarray(-np.log2(np.maximum(shares, least))[lists].mean(axis=1))


def concentration(categories: npt.ArrayLike) -> Numbers:
    """Effective number of categories in each row, exp of its entropy, shape (members,); NaN for an empty row.

    Source:
        Hill 1973, "Diversity and evenness", order 1.
    """
    p = _shares(categories)
    terms = np.zeros_like(p)
    seen = p > 0
    terms[seen] = -p[seen] * np.log(p[seen])
    return np.asarray(np.exp(terms.sum(axis=1) + 0 * p.sum(axis=1)))


def filter_bubble(earlier: npt.ArrayLike, later: npt.ArrayLike, before: npt.ArrayLike, after: npt.ArrayLike) -> Numbers:
    """Do lists narrow against the member's own history? Shape (members,); negative: they narrow faster than she does.

    ln(variety of later lists / variety of earlier lists) - ln(the same for what she took), variety being the effective
    number of categories. A member who narrows by her own choice scores 0 if her lists only follow.

    Args:
        earlier: categories of her earlier lists, shape (members, categories); `later` of her later ones.
        later: see `earlier`.
        before: categories of what she took in the earlier period; `after` in the later one.
        after: see `before`.

    Returns:
        NaN for a member with an empty list or no history in either period.
    """
    lists = np.log(concentration(later)) - np.log(concentration(earlier))
    own = np.log(concentration(after)) - np.log(concentration(before))
    return np.asarray(lists - own)


def _shares(counts: npt.ArrayLike) -> Numbers:
    """Rows scaled to sum 1; a row of zeros becomes NaN."""
    weights = np.asarray(counts, dtype=float)
    if weights.ndim != 2 or np.any(weights < 0):
        raise TableMismatchError("categories need a row of counts, none negative, for each member")
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.full_like(weights, np.nan), where=total > 0))


def _check(lists: Lists, items: int) -> None:
    if lists.ndim != 2 or lists.shape[1] < 1 or (lists.size and not (lists.min() >= 0 and lists.max() < items)):
        raise CodingError(f"lists must be rows of codes from 0 to {items - 1}, at least one in each")
