"""What each continuous feature of a smooth model adds along its public range, and where that rests on no member.

The curve follows from the model alone. Where it has support follows from noised counts that the training's plan priced
(`support:NAME`): a bin that may be empty is marked: the curve there is only what the basis makes of others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from federated.errors import MalformedError
from federated.models.additive import Additive
from federated.models.churn import SMOOTH
from federated.models.model import Vector
from federated.plan import Plan

SURE = 3.0
LEAST = 20
"""Fewer members than this in a bin, noise taken off at three standard deviations, are no support."""


@dataclass(frozen=True)
class Stretch:
    """One stretch of a feature's range.

    Attributes:
        low: lower end in the feature's own unit; `high` the upper one.
        high: see `low`.
        log_odds: what the middle of the stretch adds.
        supported: whether members were certainly there; None if the plan did not count them.
    """

    feature: str
    low: float
    high: float
    log_odds: float
    supported: bool | None


def shapes(model: object, plan: Plan, weights: Vector, results: Mapping[str, Any]) -> tuple[Stretch, ...]:
    """The stretches of all continuous features, as many to each as the plan has bins.

    Args:
        model: that the plan names.
        plan: of the training.
        weights: of the finished model.
        results: of the run, with its counts of support.

    Raises:
        MalformedError: a model without shapes.
    """
    if not isinstance(model, Additive) or model.harmonics < SMOOTH:
        raise MalformedError("only models of smooth shapes have them; this one has not")
    bins = plan.whole("bins", at_least=2)
    middles = (np.arange(bins) + 0.5) / bins
    found: list[Stretch] = []
    for index, feature in enumerate(plan.features):
        if feature.kind != "continuous":
            continue
        values = np.full((bins, len(plan.features)), np.nan)
        values[:, index] = middles
        adds = model.terms(plan.features, values, weights)[:, index]
        held = supported(results.get("support", {}).get(feature.name), bins)
        ends = feature.lo + np.arange(bins + 1) * (feature.hi - feature.lo) / bins
        found += [
            Stretch(feature.name, float(ends[at]), float(ends[at + 1]), float(adds[at]), held[at]) for at in range(bins)
        ]
    return tuple(found)


def supported(counted: Mapping[str, Any] | None, bins: int) -> Sequence[bool | None]:
    """Of each bin whether members were certainly in it; None where nobody counted."""
    if counted is None:
        return [None] * bins
    certain = np.asarray(counted["cells"], dtype=float) - SURE * float(counted["noise_variance"]) ** 0.5
    return [bool(one) for one in certain >= LEAST]
