"""Members whose group or outcome nobody knows, and what they could change.

Who agrees to an audit is no accident. So beside every gap stand its worst-case bounds (what if all others were treated
as badly, or as well, as possible) and the odds ratio at which a PASS would turn.

Source:
    Manski 2003, "Partial Identification of Probability Distributions", chapter 1, for the bounds; Rosenbaum 2002,
    "Observational Studies", chapter 4, for the odds ratio as a measure of hidden difference.
"""

from dataclasses import dataclass

import numpy as np

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.errors import ThresholdsError
from audit.fairness.intervals import Interval, Rate, ratio, wilson, z_value
from audit.fairness.verdict import Thresholds


@dataclass(frozen=True, slots=True)
class Bounds:
    """The ends between which a figure must lie whatever the unseen members are like."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a table's members gave the attribute; noised.

    Attributes:
        given: members with a value.
        not_given: members who agreed to the audit and gave no value.
        share: given / (given + not_given), 0 to 1; 0 if nobody was counted.
    """

    given: int
    not_given: int
    share: float


def coverage(table: CountTable) -> Coverage:
    """Of the members who agreed to the audit, how many gave this attribute?"""
    totals = np.maximum(table.cells.sum(axis=(1, 2)), 0)
    given, not_given = int(totals[:-1].sum()), int(totals[-1])
    return Coverage(given, not_given, given / (given + not_given) if given + not_given else 0.0)


def bounds_of_rate(rate: Interval, seen: float) -> Bounds:
    """Bounds of a group's rate if only a share of the group was seen.

    c p_low <= p <= c p_high + (1 - c): the unseen are all "no", or all "yes".

    Args:
        rate: of the members seen, with its interval (so that the bounds hold at its level).
        seen: share c of the group that was seen, 0 to 1.

    Raises:
        ThresholdsError: `seen` is not a share.
    """
    _share(seen)
    return Bounds(seen * float(rate.low), seen * float(rate.high) + 1 - seen)


def bounds_of_difference(one: Rate, other: Rate, seen: tuple[float, float], thresholds: Thresholds) -> Bounds:
    """Bounds of the difference of two groups' rates if only shares of them were seen.

    Args:
        one: the group.
        other: the reference.
        seen: share of either that was seen, 0 to 1.
        thresholds: alpha of the intervals; each rate gets half of it.
    """
    z = z_value(thresholds.alpha, 2)
    a, b = bounds_of_rate(wilson(one, z), seen[0]), bounds_of_rate(wilson(other, z), seen[1])
    return Bounds(a.low - b.high, a.high - b.low)


def bounds_if_known(table: CountTable, group: str) -> Bounds:
    """Bounds of a group's selection rate if those who gave no value could all belong to it.

    The lowest rate counts all of them who were not selected to the group and none of the selected, the highest the
    reverse. Noise is in the counts but not in the bounds; they are wide anyway.

    Raises:
        ThresholdsError: the group is not one of the table's.
    """
    if group not in table.layout.groups:
        raise ThresholdsError(f"{table.layout.attribute} has no group {group!r}; choose one it was counted by")
    rates = metrics.selection(table)
    index = table.layout.groups.index(group)
    yes, no = (np.maximum(side, 0) for side in (rates.yes, rates.no))
    least, most = yes[index] + no[index] + no[-1], yes[index] + no[index] + yes[-1]
    return Bounds(float(yes[index] / least) if least else 0.0, float((yes[index] + yes[-1]) / most) if most else 1.0)


def tipping_odds_ratio(
    one: Rate, other: Rate, seen: tuple[float, float], thresholds: Thresholds, *, tests: int, most: float = 100.0
) -> float | None:
    """The odds ratio between unseen and seen members at which a PASS of `one` against `other` would turn.

    The unseen of `one` are taken to have odds of being selected lower by Gamma, those of `other` higher by Gamma; the
    lower end of the impact ratio moves with the estimate.

    Args:
        one: the less selected group; `other` the more selected one.
        other: see `one`.
        seen: share of either that was seen, 0 to 1.
        thresholds: the plan's limits.
        tests: comparisons of the whole audit.
        most: Gammas above it are not looked for.

    Returns:
        Gamma >= 1 (1: it is no PASS even as measured); None if no Gamma up to `most` turns it.
    """
    for share in seen:
        _share(share)
    interval = ratio(one, other, z_value(thresholds.alpha, tests))
    gammas = np.geomspace(1.0, most, 2001)
    low = _shifted(float(one.value), seen[0], 1 / gammas)
    high = _shifted(float(other.value), seen[1], gammas)
    moved = np.divide(low, high, out=np.zeros_like(low), where=high > 0)
    measured = float(interval.value)
    turned = moved * (float(interval.low) / measured if measured > 0 else 0.0) < thresholds.impact_ratio
    return float(gammas[np.argmax(turned)]) if np.any(turned) else None


def _shifted(rate: float, seen: float, gamma: np.ndarray) -> np.ndarray:
    """The whole group's rate if the odds of its unseen members are `gamma` times those of the seen."""
    unseen = gamma * rate / (1 - rate + gamma * rate)
    return np.asarray(seen * rate + (1 - seen) * unseen)


def _share(seen: float) -> None:
    if not 0 <= seen <= 1:
        raise ThresholdsError("the share of members seen must lie between 0 and 1")
