"""What an audit could have seen: who was in it, what the others could change, how many more members would decide."""

import math
from dataclasses import dataclass

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.evidence import lacks
from audit.fairness.gaps import detectable_ratio
from audit.fairness.intervals import detectable_difference, log_ratio_error, z_value
from audit.fairness.missing import Bounds, bounds_if_known, coverage, tipping_odds_ratio
from audit.fairness.verdict import Thresholds

_HOPELESS = 1000.0


@dataclass(frozen=True, slots=True)
class GroupReach:
    """Reach of the audit for one group against the reference.

    Attributes:
        group: the group.
        reference: with whom it is compared.
        bounds: of its selection rate if those who gave no value could all belong to it.
        smallest_difference: in selection that would have been detected with the stated power, None if none.
        failing_ratio: impact ratio at or below which the audit would FAIL with the stated power, None if none.
        more_members: roughly how many more members of the two groups together would decide an INCONCLUSIVE ratio, if
            the rates stay as measured; 0 if it is decided, None if a thousand times as many would not, or nothing is
            known.
        turns_at: odds ratio between members who gave no value and those who did at which a PASS would turn, if the
            former are spread over the groups like the latter; 1 if it is no PASS, None if nothing would turn it or
            nothing is known.
        noise_share: the larger of the two rates' shares of variance made by noise, 0 to 1.
    """

    group: str
    reference: str
    bounds: Bounds
    smallest_difference: float | None
    failing_ratio: float | None
    more_members: int | None
    turns_at: float | None
    noise_share: float


@dataclass(frozen=True, slots=True)
class Reach:
    """Reach of the audit for one attribute: the share of members who gave it, and each group."""

    attribute: str
    given: int
    not_given: int
    share: float
    groups: tuple[GroupReach, ...]


def reach(table: CountTable, thresholds: Thresholds, *, tests: int) -> Reach:
    """What this table could have shown, group by group against the most selected group with enough members.

    Args:
        table: noised counts.
        thresholds: the plan's limits.
        tests: comparisons of the whole audit.
    """
    rates = metrics.selection(table)
    groups = table.layout.groups
    enough = [index for index in range(len(groups)) if lacks(rates[index], thresholds) is None]
    seen = coverage(table)
    if not enough:
        return Reach(table.layout.attribute, seen.given, seen.not_given, seen.share, ())
    base = max(enough, key=lambda index: float(rates[index].value))
    found = tuple(_group_reach(table, index, base, thresholds, tests) for index in range(len(groups)) if index != base)
    return Reach(table.layout.attribute, seen.given, seen.not_given, seen.share, found)


def _group_reach(table: CountTable, index: int, base: int, thresholds: Thresholds, tests: int) -> GroupReach:
    rates = metrics.selection(table)
    one, other = rates[index], rates[base]
    gap = float(detectable_difference(one, other, alpha=thresholds.alpha, tests=tests, power=thresholds.power))
    known = lacks(one, thresholds) is None
    share = coverage(table).share
    return GroupReach(
        group=table.layout.groups[index],
        reference=table.layout.groups[base],
        bounds=bounds_if_known(table, table.layout.groups[index]),
        smallest_difference=gap if known and gap < 1 else None,
        failing_ratio=detectable_ratio(one, other, thresholds=thresholds, tests=tests) if known else None,
        more_members=_more_members(table, index, base, thresholds, tests) if known else None,
        turns_at=tipping_odds_ratio(one, other, (share, share), thresholds, tests=tests) if known else None,
        noise_share=max(float(one.noise_share), float(other.noise_share)),
    )


def _more_members(table: CountTable, index: int, base: int, thresholds: Thresholds, tests: int) -> int | None:
    """Solve V_sampling / f + V_noise / f^2 = (distance to the limit / z)^2 for the factor f on the members."""
    rates = metrics.selection(table)
    one, other = rates[index], rates[base]
    if float(one.value) <= 0 or float(other.value) <= 0:
        return None
    distance = abs(math.log(float(one.value) / float(other.value)) - math.log(thresholds.impact_ratio))
    target = (distance / z_value(thresholds.alpha, tests)) ** 2
    whole = float(log_ratio_error(one, other)) ** 2
    sampling = sum(float(rate.sampling_variance / rate.value**2) for rate in (one, other))
    if target <= 0:
        return None
    factor = (sampling + math.sqrt(sampling**2 + 4 * target * max(whole - sampling, 0.0))) / (2 * target)
    if factor > _HOPELESS:
        return None
    return max(math.ceil((factor - 1) * float(one.total + other.total)), 0)
