"""Inputs of additive models: each feature a block of bounded columns on a public basis.

    continuous, straight    2u - 1
    continuous, smooth      cos(pi k u)/k for k = 1..K, divided by its largest norm (the one at u = 0)
    binary                  -1 or 1
    categorical, binned     centred one-hot, divided by its norm
    intercept               1

Each block has norm at most 1 and is multiplied by its public weight (1 for continuous, .7 for all others), so a
member's row has norm at most sqrt(S), S being the sum of the squared weights. Missing is zero: the block says nothing.

Invariant: every number here comes from the plan, none from a row.
"""

import math
from collections.abc import Sequence

import numpy as np

from federated.models.model import Matrix
from federated.plan import Feature

CONTINUOUS_WEIGHT = 1.0
OTHER_WEIGHT = 0.7


def width(feature: Feature, *, harmonics: int) -> int:
    """Columns of one feature's block."""
    match feature.kind:
        case "continuous":
            return max(harmonics, 1)
        case "binary":
            return 1
        case "categorical":
            return len(feature.categories)
        case "binned":
            return len(feature.edges) + 1


def inputs_of(features: Sequence[Feature], *, harmonics: int) -> int:
    """Columns of the whole matrix, the intercept last."""
    return sum(width(feature, harmonics=harmonics) for feature in features) + 1


def squared_bound(features: Sequence[Feature]) -> float:
    """S: no member's row has a squared norm above it."""
    return sum(_weight(feature) ** 2 for feature in features) + OTHER_WEIGHT**2


def design(features: Sequence[Feature], values: Matrix, *, harmonics: int) -> Matrix:
    """The input matrix, shape (members, inputs).

    Args:
        features: the plan's features, one per column of `values`.
        values: unit values, shape (members, features), NaN where missing.
        harmonics: K of the smooth basis; 0 means a straight line.
    """
    blocks = [
        _weight(feature) * _block(feature, values[:, index], harmonics=harmonics)
        for index, feature in enumerate(features)
    ]
    return np.hstack([*blocks, np.full((len(values), 1), OTHER_WEIGHT)])


def _weight(feature: Feature) -> float:
    return CONTINUOUS_WEIGHT if feature.kind == "continuous" else OTHER_WEIGHT


def _block(feature: Feature, column: Matrix, *, harmonics: int) -> Matrix:
    given = ~np.isnan(column)
    known = np.where(given, column, 0.0)
    match feature.kind:
        case "continuous" if harmonics:
            orders = np.arange(1, harmonics + 1)
            largest = math.sqrt(float(np.sum(1.0 / orders**2)))
            block = np.cos(np.pi * known[:, None] * orders) / (orders * largest)
        case "continuous" | "binary":
            block = (2 * known - 1)[:, None]
        case "categorical" | "binned":
            levels = width(feature, harmonics=harmonics)
            block = (known[:, None] == np.arange(levels)) - 1.0 / levels
            block /= math.sqrt(1 - 1.0 / levels) if levels > 1 else 1.0
    return np.asarray(block * given[:, None], dtype=np.float64)
