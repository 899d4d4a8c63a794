"""From what a study asks for to the plan of a rule: where its bins lie, one histogram, one fairness table each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from federated.errors import MalformedError
from federated.models.registry import exchanges
from federated.models.rules import RULES
from federated.plan import BUCKETS, Attribute, Feature, Plan, Release, Use
from federated.tables import HISTOGRAM, TABLE
from privacy.mechanism import DiscreteLaplace


def rule_plan(
    *,
    study: str,
    country: str,
    sites: tuple[str, ...],
    uses: tuple[Use, ...],
    features: tuple[Feature, ...],
    cuts: Mapping[str, Sequence[float]],
    label: str,
    horizon_days: int,
    attributes: tuple[Attribute, ...],
    model: str,
    epsilon_histogram: float = 0.4,
    epsilon_table: float = 0.8,
    threshold: float = 0.5,
    bins: int = 10,
    minimum_cohort: int = 200,
    max_attempts: int = 1,
) -> Plan:
    """A rule with its evaluation and its fairness tables, over everybody who agreed to them.

    Args:
        study: the study that files it.
        country: where the rows are used.
        sites: who takes part.
        uses: which items the releases rest on; kinds evaluate and audit.
        features: columns of numbers, in the rule's order.
        cuts: feature -> where its bins begin, rising, in its own unit; a value at a cut is in the bin above.
        label: the column of what came true.
        horizon_days: how far ahead it looks.
        attributes: a fairness table for each.
        model: a name in `rules.RULES`.
        epsilon_histogram: pure, of the histogram of scores.
        epsilon_table: pure, of each attribute's table.
        threshold: scores at or above it are selected.
        bins: equal bins of the histogram.
        minimum_cohort: fewer members, over all sites, are refused.
        max_attempts: how often a round may be tried; each try is priced.

    Raises:
        MalformedError: the parts do not make a plan.
    """
    if model not in RULES:
        raise MalformedError(f"no rule is called {model}; there are {', '.join(RULES)}")
    plan = Plan(
        study=study,
        model=model,
        country=country,
        sites=sites,
        uses=uses,
        features=tuple(_cut(feature, cuts) for feature in features),
        label=label,
        horizon_days=horizon_days,
        attributes=attributes,
        releases=(
            Release(HISTOGRAM, "evaluate", "held-out", DiscreteLaplace(1, epsilon_histogram), max_attempts),
            *(
                Release(TABLE + one.name, "audit", "held-out", DiscreteLaplace(1, epsilon_table), max_attempts)
                for one in attributes
            ),
        ),
        split={"train": (), "held-out": ((0, BUCKETS),), "judge": ()},
        settings={"bins": bins, "threshold": threshold},
        minimum_cohort=minimum_cohort,
        max_attempts=max_attempts,
    )
    exchanges(plan)
    return plan


def _cut(feature: Feature, cuts: Mapping[str, Sequence[float]]) -> Feature:
    edges = tuple(float(one) for one in cuts.get(feature.name, ()))
    if feature.kind not in ("continuous", "binned") or not edges:
        raise MalformedError(f"a rule needs cuts of {feature.name}, a column of numbers")
    inside = feature.kind == "binned" or (feature.lo < edges[0] and edges[-1] <= feature.hi)
    if not inside or not all(map(math.isfinite, edges)) or any(low >= high for low, high in pairwise(edges)):
        raise MalformedError(
            f"the cuts of {feature.name} rise, above {feature.lo:g} and up to {feature.hi:g}, its public range"
        )
    return replace(feature, kind="binned", lo=0.0, hi=1.0, edges=edges)
