"""Why a score is what it is: what each feature adds to the log-odds, at most three reasons, and what would change it.

    additive models   the terms themselves; a pair's term counts half for each of its two features
    networks          integrated gradients from the reference (every input 0: nothing is known), gated on completeness

In both cases base + sum of contributions = log-odds, exactly or to `COMPLETE`. The model that scored is the one that
is explained, never another one in its place.

Source:
    Sundararajan, Taly, Yan 2017, "Axiomatic attribution for deep networks", section 3 and proposition 1.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from federated.errors import FederatedError, MalformedError
from federated.models import design as additive
from federated.models.additive import Additive
from federated.models.model import Matrix, Model, Vector
from federated.plan import Feature

MOST_REASONS = 3
STEPS, MOST_STEPS = 64, 1024
COMPLETE = 0.01
GRID = 21
CHUNK = 2048
Integers = npt.NDArray[np.int64]


class IncompleteError(FederatedError):
    """The contributions do not add up to the score, so no reason may be given and no decision may rest on it.

    Attributes:
        gap: the largest difference, in log-odds.
    """

    def __init__(self, gap: float) -> None:
        super().__init__(f"the contributions miss the score by {gap:.3f}; use a model that can be explained")
        self.gap = gap


@runtime_checkable
class Differentiable(Protocol):
    """A network, as integrated gradients need it."""

    def log_odds(self, inputs: Matrix, weights: Vector) -> Vector:
        """Shape (members,)."""
        ...

    def gradient(self, inputs: Matrix, weights: Vector) -> Matrix:
        """Of the log-odds by the inputs, shape (members, inputs)."""
        ...


@dataclass(frozen=True)
class Explained:
    """Scores of some members, taken apart.

    Attributes:
        log_odds: shape (members,).
        base: what the model says where nothing is known.
        contributions: shape (members, features).
    """

    log_odds: Vector
    base: float
    contributions: Matrix

    @property
    def scores(self) -> Vector:
        """In [0, 1], shape (members,)."""
        return np.asarray(expit(self.log_odds), dtype=np.float64)


@dataclass(frozen=True)
class Reason:
    """One reason.

    Attributes:
        feature: the plan's name of it.
        level: how her value stands: low, middle, high; no, yes; the category itself; or where her bin begins and ends.
        weight: what it adds to the log-odds.
    """

    feature: str
    level: str
    weight: float


@dataclass(frozen=True)
class Change:
    """One thing that would change the score to the other side of the threshold; never said to cause anything.

    Attributes:
        feature: what would differ.
        value: to what: a number on the feature's public range, yes, no, or a category.
        score: what the score would be.
    """

    feature: str
    value: float | str
    score: float


def explain(model: Model, features: Sequence[Feature], values: Matrix, weights: Vector) -> Explained:
    """Take the scores of members apart.

    Args:
        model: the model that scores them.
        features: of its plan.
        values: unit values, shape (members, features), NaN where missing.
        weights: of the finished model.

    Raises:
        IncompleteError: a network whose contributions do not add up, even with `MOST_STEPS`.
        MalformedError: a model that is neither additive nor differentiable.
    """
    if isinstance(model, Additive):
        return _additive(model, features, values, weights)
    if isinstance(model, Differentiable):
        return _integrated(model, model.design(features, values), features, weights)
    raise MalformedError("this model cannot be explained, so it must not decide about anybody")


def top_reasons(contributions: Matrix, *, most: int = MOST_REASONS) -> Integers:
    """Features that raise the score most, shape (members, most), best first; -1 where fewer raise it.

    Of two that raise it alike the plan's first is named first.
    """
    left, members = contributions.copy(), np.arange(len(contributions))
    found = np.full((len(left), min(most, left.shape[1])), -1, dtype=np.int64)
    for place in range(found.shape[1]):  # a few passes over small rows beat sorting each of them
        best = left.argmax(axis=1)
        found[:, place] = np.where(left[members, best] > 0, best, -1)
        left[members, best] = -np.inf
    return found


def reasons_of(features: Sequence[Feature], values: Vector, contributions: Vector) -> tuple[Reason, ...]:
    """At most three reasons for one member's score, the strongest first.

    Args:
        features: of the plan.
        values: her unit values, shape (features,).
        contributions: hers, shape (features,).
    """
    chosen = [int(index) for index in top_reasons(contributions[None, :])[0] if index >= 0]
    return tuple(
        Reason(features[index].name, level_of(features[index], values[index]), float(contributions[index]))
        for index in chosen
    )


def levels(features: Sequence[Feature], values: Matrix) -> npt.NDArray[np.int16]:
    """How unit values stand, coded for `level_name`, shape (members, features); -1 where missing."""
    found = np.empty(values.shape, dtype=np.int16)
    for index, feature in enumerate(features):
        column = np.nan_to_num(values[:, index], nan=-1.0)
        thirds = np.where(column < 0, -1, (column >= 1 / 3).astype(np.int16) + (column > 2 / 3))
        found[:, index] = thirds if feature.kind == "continuous" else column
    return found


def level_name(feature: Feature, code: int) -> str:
    """A level in a word that a table of phrases can hold."""
    if code < 0:
        return "unknown"
    match feature.kind:
        case "continuous":
            return ("low", "middle", "high")[code]
        case "binary":
            return ("no", "yes")[code]
        case "categorical" | "items":
            return feature.categories[code]
        case "binned":
            return _between(feature.edges, code)


def _between(edges: Sequence[float], code: int) -> str:
    if code == 0:
        return f"below {edges[0]:g}"
    if code == len(edges):
        return f"{edges[-1]:g} or more"
    return f"{edges[code - 1]:g} to {edges[code]:g}"


def level_of(feature: Feature, value: float) -> str:
    """How one unit value stands."""
    return level_name(feature, int(levels((feature,), np.array([[value]]))[0, 0]))


def change_of(
    model: Model,
    features: Sequence[Feature],
    values: Vector,
    weights: Vector,
    *,
    threshold: float,
    actionable: Collection[str],
) -> Change | None:
    """The smallest change of one actionable feature that would bring her score below the threshold, or None.

    Args:
        model: the model that scored her.
        features: of its plan.
        values: her unit values, shape (features,).
        weights: of the model.
        threshold: scores at or above it are selected.
        actionable: names of features that somebody can change; never an attribute, never her past.
    """
    tried, steps = [], []
    for index, feature in enumerate(features):
        if feature.name in actionable and not np.isnan(values[index]):
            for other in _others(feature):
                if other != values[index]:
                    row = values.copy()
                    row[index] = other
                    tried.append(row)
                    steps.append((abs(other - values[index]) if feature.kind == "continuous" else 1.0, index, other))
    if not tried:
        return None
    scores = expit(explain_log_odds(model, features, np.array(tried), weights))
    enough = [(step, number) for number, step in enumerate(steps) if scores[number] < threshold]
    if not enough:
        return None
    (_, index, other), chosen = min(enough)
    return Change(features[index].name, _public(features[index], other), float(scores[chosen]))


def explain_log_odds(model: Model, features: Sequence[Feature], values: Matrix, weights: Vector) -> Vector:
    """The log-odds of members, shape (members,)."""
    inputs = model.design(features, values)
    if isinstance(model, Additive):
        return np.asarray(inputs @ weights, dtype=np.float64)
    if isinstance(model, Differentiable):
        return model.log_odds(inputs, weights)
    raise MalformedError("this model gives no log-odds")


def _additive(model: Additive, features: Sequence[Feature], values: Matrix, weights: Vector) -> Explained:
    blocks = additive.terms(features, harmonics=model.harmonics, pairs=model.pairs)
    terms: Matrix = np.vstack(
        [model.terms(features, values[start : start + CHUNK], weights) for start in range(0, len(values), CHUNK)]
        or [np.zeros((0, len(blocks)))]
    )
    base = additive.OTHER_WEIGHT * float(weights[-1])
    contributions = terms[:, : len(features)]
    for index, block in enumerate(blocks[len(features) :], start=len(features)):
        contributions[:, list(block.features)] += terms[:, [index]] / 2
    return Explained(base + contributions.sum(axis=1), base, contributions)


def _integrated(model: Differentiable, inputs: Matrix, features: Sequence[Feature], weights: Vector) -> Explained:
    blocks = additive.terms(features, harmonics=0)
    ends = model.log_odds(inputs, weights)
    base = float(model.log_odds(np.zeros((1, inputs.shape[1])), weights)[0])
    contributions = np.zeros((len(inputs), len(features)))
    steps, waiting, gap = STEPS, np.arange(len(inputs)), np.zeros(0)
    while len(waiting) and steps <= MOST_STEPS:
        gradients = np.zeros((len(waiting), inputs.shape[1]))
        for at in (np.arange(steps) + 0.5) / steps:
            gradients += model.gradient(inputs[waiting] * at, weights) / steps
        moved = gradients * inputs[waiting]
        contributions[waiting] = np.stack([moved[:, block.columns].sum(axis=1) for block in blocks], axis=1)
        gap = np.abs(base + contributions[waiting].sum(axis=1) - ends[waiting])
        late = gap > COMPLETE * np.maximum(np.abs(ends[waiting] - base), 1.0)
        waiting, gap, steps = waiting[late], gap[late], steps * 4
    if len(waiting):
        raise IncompleteError(float(gap.max()))
    return Explained(ends, base, contributions)


def _others(feature: Feature) -> npt.NDArray[np.float64]:
    match feature.kind:
        case "continuous":
            return np.linspace(0, 1, GRID)
        case "binary":
            return np.array([0.0, 1.0])
        case "categorical" | "items":
            return np.arange(len(feature.categories), dtype=np.float64)
        case "binned":
            return np.arange(len(feature.edges) + 1, dtype=np.float64)


def _public(feature: Feature, value: float) -> float | str:
    if feature.kind == "continuous":
        return float(feature.lo + value * (feature.hi - feature.lo))
    return level_of(feature, value)
