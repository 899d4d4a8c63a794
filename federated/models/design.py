"""Inputs of additive models: each term a block of bounded columns on a public basis.

    continuous, straight    2u - 1
    continuous, smooth      cos(pi k u)/k for k = 1..K, divided by its largest norm (the one at u = 0)
    binary                  -1 or 1
    categorical, binned     centred one-hot, divided by its norm
    pair                    the outer product of two features' blocks, at most 3 cosines each, one of them continuous
    intercept               1

Each block has norm at most 1 and is multiplied by its public weight (1 for continuous, .7 for all others), so a
member's row has norm at most sqrt(S), S being the sum of the squared weights. Missing is zero: the block says nothing.

Invariant: every number here comes from the plan, none from a row.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np

from federated.models.model import Matrix, Vector
from federated.plan import Feature

CONTINUOUS_WEIGHT = 1.0
OTHER_WEIGHT = 0.7
PAIR_HARMONICS = 3


@dataclass(frozen=True)
class Term:
    """One block of the design: a feature, or a pair of them.

    Attributes:
        features: their indices in the plan, one or two.
        columns: the block's columns of the design.
    """

    features: tuple[int, ...]
    columns: slice


def width(feature: Feature, *, harmonics: int) -> int:
    """Columns of one feature's block."""
    match feature.kind:
        case "continuous":
            return max(harmonics, 1)
        case "binary":
            return 1
        case "categorical" | "items":
            return len(feature.categories)
        case "binned":
            return len(feature.edges) + 1


def terms(features: Sequence[Feature], *, harmonics: int, pairs: bool = False) -> tuple[Term, ...]:
    """The blocks of the design in order, without the intercept, which is the last column."""
    return _terms(tuple(features), harmonics, pairs)


@lru_cache(maxsize=64)
def _terms(features: tuple[Feature, ...], harmonics: int, pairs: bool) -> tuple[Term, ...]:  # noqa: FBT001  a cache key
    found, start = [], 0
    for chosen in _chosen(features, pairs=pairs):
        size = math.prod(width(features[one], harmonics=_order(harmonics, chosen)) for one in chosen)
        found.append(Term(chosen, slice(start, start + size)))
        start += size
    return tuple(found)


def inputs_of(features: Sequence[Feature], *, harmonics: int, pairs: bool = False) -> int:
    """Columns of the whole matrix, the intercept last."""
    return terms(features, harmonics=harmonics, pairs=pairs)[-1].columns.stop + 1 if features else 1


def squared_bound(features: Sequence[Feature], *, pairs: bool = False) -> float:
    """S: no member's row has a squared norm above it."""
    return sum(_weight(features, chosen) ** 2 for chosen in _chosen(features, pairs=pairs)) + OTHER_WEIGHT**2


def design(features: Sequence[Feature], values: Matrix, *, harmonics: int, pairs: bool = False) -> Matrix:
    """The input matrix, shape (members, inputs).

    Args:
        features: the plan's features, one per column of `values`.
        values: unit values, shape (members, features), NaN where missing.
        harmonics: K of the smooth basis; 0 means a straight line.
        pairs: with a block for each pair of features of which at least one is continuous.
    """
    result = np.empty((len(values), inputs_of(features, harmonics=harmonics, pairs=pairs)))
    result[:, -1] = OTHER_WEIGHT
    for term, block in _blocks(features, values, harmonics=harmonics, pairs=pairs):
        result[:, term.columns] = block
    return result


def positions(features: Sequence[Feature], inputs: Matrix, index: int, *, harmonics: int, pairs: bool) -> Vector:
    """Unit values of one smooth continuous feature read back from the design, shape (members,); NaN where missing.

    The first cosine of a value says where it lies, and the second tells the middle from a missing value.
    """
    block = inputs[:, terms(features, harmonics=harmonics, pairs=pairs)[index].columns]
    norm = math.sqrt(float(np.sum(1.0 / np.arange(1, harmonics + 1) ** 2)))
    found = np.arccos(np.clip(block[:, 0] * norm / CONTINUOUS_WEIGHT, -1.0, 1.0)) / np.pi
    return np.where(np.any(block != 0.0, axis=1), found, np.nan)


def contributions(
    features: Sequence[Feature], values: Matrix, weights: Vector, *, harmonics: int, pairs: bool = False
) -> Matrix:
    """What each term adds to the log-odds, shape (members, terms); with the intercept's they add up to them exactly.

    Args:
        features: the plan's features.
        values: unit values, shape (members, features), NaN where missing.
        weights: of the model, shape (inputs,).
        harmonics: as in `design`.
        pairs: as in `design`.
    """
    parts = [
        block @ weights[term.columns] for term, block in _blocks(features, values, harmonics=harmonics, pairs=pairs)
    ]
    return np.stack(parts, axis=1) if parts else np.zeros((len(values), 0))


def _chosen(features: Sequence[Feature], *, pairs: bool) -> Iterator[tuple[int, ...]]:
    yield from ((index,) for index in range(len(features)))
    if pairs:
        for first, second in combinations(range(len(features)), 2):
            if "continuous" in (features[first].kind, features[second].kind):
                yield first, second


def _order(harmonics: int, chosen: tuple[int, ...]) -> int:
    return harmonics if len(chosen) == 1 else min(harmonics, PAIR_HARMONICS)


def _weight(features: Sequence[Feature], chosen: tuple[int, ...]) -> float:
    return CONTINUOUS_WEIGHT if len(chosen) == 1 and features[chosen[0]].kind == "continuous" else OTHER_WEIGHT


def _blocks(
    features: Sequence[Feature], values: Matrix, *, harmonics: int, pairs: bool
) -> Iterator[tuple[Term, Matrix]]:
    """Each term with its weighted block, shape (members, columns of the term)."""
    low = {
        index: _block(feature, values[:, index], harmonics=min(harmonics, PAIR_HARMONICS))
        for index, feature in enumerate(features if pairs else ())
    }
    for term in _terms(tuple(features), harmonics, pairs):
        weight = _weight(features, term.features)
        if len(term.features) == 1:
            (index,) = term.features
            yield term, weight * _block(features[index], values[:, index], harmonics=harmonics)
        else:
            first, second = term.features
            product = low[first][:, :, None] * low[second][:, None, :]
            yield term, weight * product.reshape(len(values), term.columns.stop - term.columns.start)


def _block(feature: Feature, column: Matrix, *, harmonics: int) -> Matrix:
    given = ~np.isnan(column)
    known = np.where(given, column, 0.0)
    match feature.kind:
        case "continuous" if harmonics:
            block = _cosines(known, harmonics)
        case "continuous" | "binary":
            block = (2 * known - 1)[:, None]
        case "categorical" | "binned" | "items":
            levels = width(feature, harmonics=harmonics)
            block = (known[:, None] == np.arange(levels)) - 1.0 / levels
            block /= math.sqrt(1 - 1.0 / levels) if levels > 1 else 1.0
    if not given.all():
        block = block * given[:, None]
    return np.asarray(block, dtype=np.float64)


def _cosines(known: Vector, harmonics: int) -> Matrix:
    """cos(pi k u)/k for k = 1..K over its largest norm, by the recurrence cos(k+1)x = 2 cos x cos kx - cos(k-1)x."""
    block = np.empty((len(known), harmonics))
    first = np.cos(np.pi * known)
    twice, before, now = 2 * first, np.ones_like(first), first
    for k in range(1, harmonics + 1):
        block[:, k - 1] = now / k
        before, now = now, twice * now - before
    block /= math.sqrt(float(np.sum(1.0 / np.arange(1, harmonics + 1) ** 2)))
    return block
