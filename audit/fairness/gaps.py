"""The release check: from two groups to a verdict, by the impact ratio of selection.

Its verdict needs evidence first: INSUFFICIENT if the lower bound on the members of either group is under the minimum,
if noise makes more than half of the variance of either rate, or if hardly anybody (or nearly everybody) is selected at
all. Then the interval decides: PASS if it lies within the limit, FAIL if it lies outside, INCONCLUSIVE across the edge.

Invariant: PASS is never given without an interval wholly within the limit, and nothing judged is INSUFFICIENT.
"""

from collections.abc import Iterable

import numpy as np
from scipy.special import ndtri

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.evidence import insufficient, lacks, members, one_outcome
from audit.fairness.intervals import Rate, log_ratio_error, ratio, two_sided_p, z_value
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict


def comparisons(table: CountTable) -> int:
    """How many pairs of groups a table holds, "not given" aside: the number of tests it adds to an audit.

    All pairs count, because the most selected group is only known from the data.
    """
    groups = len(table.layout.groups)
    return max(groups * (groups - 1) // 2, 1)


def judge(table: CountTable, thresholds: Thresholds, *, tests: int | None = None) -> tuple[Gap, ...]:
    """Judge the selection of each group against the most selected one, by the impact ratio.

    Args:
        table: noised counts.
        thresholds: the plan's limits.
        tests: comparisons of the whole audit, for Bonferroni: the sum of `comparisons` over its tables. The pairs of
            this table if None.

    Returns:
        A gap for each group but the reference; one for each group if fewer than two have enough evidence. Members who
        gave no value are not judged (see `missing.bounds_if_known`).
    """
    tests = comparisons(table) if tests is None else tests
    rates = metrics.selection(table)[slice(0, -1)]
    found = [lacks(rates[index], thresholds) for index in range(len(table.layout.groups))]
    if one_outcome(rates, thresholds):
        found = [lack or Reason.ONE_OUTCOME for lack in found]
    enough = [index for index, lack in enumerate(found) if lack is None]
    if len(enough) < 2:
        return tuple(
            insufficient(table, Measure.IMPACT_RATIO, index, rates, tests, lack or Reason.NO_OTHER_GROUP)
            for index, lack in enumerate(found)
        )
    reference = max(enough, key=lambda index: float(rates[index].value))
    return tuple(
        _impact_ratio(table, index, reference, rates, thresholds, tests)
        if lack is None
        else insufficient(table, Measure.IMPACT_RATIO, index, rates, tests, lack)
        for index, lack in enumerate(found)
        if index != reference
    )


def release_verdict(gaps: Iterable[Gap]) -> Verdict:
    """The worst of the judged gaps: FAIL, then INSUFFICIENT, then INCONCLUSIVE, then PASS.

    Nothing judged at all is INSUFFICIENT: silence is never a pass.
    """
    given = {gap.verdict for gap in gaps if gap.verdict is not None}
    for verdict in (Verdict.FAIL, Verdict.INSUFFICIENT, Verdict.INCONCLUSIVE, Verdict.PASS):
        if verdict in given:
            return verdict
    return Verdict.INSUFFICIENT


def detectable_ratio(one: Rate, other: Rate, *, thresholds: Thresholds, tests: int) -> float | None:
    """The largest true impact ratio of `one` to `other` that an audit like this would FAIL with the stated power.

    The standard error is taken at that ratio, not at the measured one: a group that is selected less often is also
    measured less well. None if no ratio, however low, would have been found so often.
    """
    reach = z_value(thresholds.alpha, tests) + float(ndtri(thresholds.power))
    tried = thresholds.impact_ratio * np.linspace(1.0, 0.0, 400, endpoint=False)
    total, share = float(one.total), float(other.value)
    assumed = Rate(total * share * tried, total * (1 - share * tried), one.yes_cells, one.no_cells, one.noise_variance)
    found = np.log(tried) + reach * log_ratio_error(assumed, other) <= np.log(thresholds.impact_ratio)
    return float(tried[np.argmax(found)]) if np.any(found) else None


def _impact_ratio(table: CountTable, index: int, base: int, rates: Rate, thresholds: Thresholds, tests: int) -> Gap:
    one, other = rates[index], rates[base]
    interval = ratio(one, other, z_value(thresholds.alpha, tests))
    if float(interval.high) < thresholds.impact_ratio:
        verdict, reason = Verdict.FAIL, Reason.OUTSIDE_LIMIT
    elif float(interval.low) >= thresholds.impact_ratio:
        verdict, reason = Verdict.PASS, Reason.WITHIN_LIMIT
    else:
        verdict, reason = Verdict.INCONCLUSIVE, Reason.ACROSS_LIMIT
    return Gap(
        attribute=table.layout.attribute, measure=Measure.IMPACT_RATIO,
        group=table.layout.groups[index], reference=table.layout.groups[base],
        members=members(one), reference_members=members(other),
        rate=float(one.value), reference_rate=float(other.value),
        value=float(interval.value), low=float(interval.low), high=float(interval.high),
        detectable=detectable_ratio(one, other, thresholds=thresholds, tests=tests),
        noise_share=max(float(one.noise_share), float(other.noise_share)),
        p_value=float(two_sided_p(np.log(interval.value), log_ratio_error(one, other))),
        tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip
