"""From two groups to a verdict.

A gap compares a group with a reference group on one measure. Its verdict needs evidence first: INSUFFICIENT if the
lower bound on the members of either group is under the minimum, if noise makes more than half of the variance of
either rate, or if hardly anybody (or nearly everybody) is selected at all. Then the interval decides: PASS if it lies
within the limit, FAIL if it lies outside, INCONCLUSIVE across the edge.

Invariant: PASS is never given without an interval wholly within the limit, and nothing judged is INSUFFICIENT.
"""

from collections.abc import Callable, Iterable

import numpy as np
from scipy.special import ndtri

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.errors import ThresholdsError
from audit.fairness.intervals import (
    Interval,
    Rate,
    detectable_difference,
    difference,
    log_ratio_error,
    ratio,
    two_sided_p,
    z_value,
)
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict

_EVIDENCE_Z = 1.959963984540054


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
        tests: comparisons of the whole audit, for Bonferroni; the pairs of this table if None.

    Returns:
        A gap for each group but the reference; one for each group if fewer than two have enough evidence. Members who
        gave no value are not judged.
    """
    tests = comparisons(table) if tests is None else tests
    rates = metrics.selection(table)[slice(0, -1)]
    groups = table.layout.groups
    lacks = [_lacks(rates[index], thresholds) for index in range(len(groups))]
    if _one_outcome(rates, thresholds):
        lacks = [lack or Reason.ONE_OUTCOME for lack in lacks]
    enough = [index for index, lack in enumerate(lacks) if lack is None]
    if len(enough) < 2:
        return tuple(
            _insufficient(table, Measure.IMPACT_RATIO, index, rates, tests, lack or Reason.NO_OTHER_GROUP)
            for index, lack in enumerate(lacks)
        )
    reference = max(enough, key=lambda index: float(rates[index].value))
    gaps = [
        _judge_ratio(table, index, reference, rates, thresholds, tests)
        if lack is None
        else _insufficient(table, Measure.IMPACT_RATIO, index, rates, tests, lack)
        for index, lack in enumerate(lacks)
        if index != reference
    ]
    return tuple(gaps)


def differences(
    table: CountTable, thresholds: Thresholds, *, reference: str | None = None, tests: int | None = None
) -> tuple[Gap, ...]:
    """Compare each group with a reference by difference: selection, true and false positive rate, precision, AUC.

    Args:
        table: noised counts.
        thresholds: with `difference` None, gaps are shown without a verdict.
        reference: a group; the largest one if None.
        tests: comparisons of the whole audit; those of this table if None.

    Raises:
        ThresholdsError: the reference is not a group of the table.
    """
    groups = table.layout.groups
    if reference is not None and reference not in groups:
        raise ThresholdsError(f"{table.layout.attribute} has no group {reference!r}; choose one of {', '.join(groups)}")
    sizes = metrics.selection(table).total[:-1]
    base = int(np.argmax(sizes)) if reference is None else groups.index(reference)
    others = [index for index in range(len(groups)) if index != base]
    rated: dict[Measure, Callable[[CountTable], Rate]] = {
        Measure.SELECTION: metrics.selection,
        Measure.TRUE_POSITIVE_RATE: metrics.true_positive_rate,
        Measure.FALSE_POSITIVE_RATE: metrics.false_positive_rate,
        Measure.PRECISION: metrics.precision,
    }
    tests = len(others) * (len(rated) + 1) if tests is None else tests
    gaps = []
    for measure, of in rated.items():
        rates = of(table)[slice(0, -1)]
        lacks = [_lacks(rates[index], thresholds) for index in range(len(groups))]
        for index in others:
            lack = lacks[index] or lacks[base]
            if lack is not None:
                gaps.append(_insufficient(table, measure, index, rates, max(tests, 1), lack))
            else:
                gaps.append(_difference(table, measure, index, base, rates, thresholds, tests))
    gaps.extend(_auc_gap(table, index, base, thresholds, tests) for index in others)
    return tuple(gaps)


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
    members, share = float(one.total), float(other.value)
    assumed = Rate(
        members * share * tried, members * (1 - share * tried), one.yes_cells, one.no_cells, one.noise_variance
    )
    found = np.log(tried) + reach * log_ratio_error(assumed, other) <= np.log(thresholds.impact_ratio)
    return float(tried[np.argmax(found)]) if np.any(found) else None


def _lacks(rate: Rate, thresholds: Thresholds) -> Reason | None:
    """What evidence a rate of one group lacks, None if it has enough."""
    if not float(rate.members_low(_EVIDENCE_Z)) >= thresholds.minimum_members:
        return Reason.TOO_FEW_MEMBERS
    if float(rate.noise_share) > thresholds.noise_share:
        return Reason.MOSTLY_NOISE
    return None


def _one_outcome(rates: Rate, thresholds: Thresholds) -> bool:
    """Is hardly anybody, or nearly everybody, selected over all groups together?"""
    groups = rates.yes.shape[0]
    for counts, cells in ((rates.yes, rates.yes_cells), (rates.no, rates.no_cells)):
        spread = _EVIDENCE_Z * np.sqrt(groups * cells * rates.noise_variance)
        if not float(counts.sum()) - spread >= thresholds.minimum_outcomes:
            return True
    return False


def _members(rate: Rate) -> int:
    return max(round(float(rate.yes + rate.no)), 0)


def _insufficient(table: CountTable, measure: Measure, index: int, rates: Rate, tests: int, reason: Reason) -> Gap:
    rate = rates[index]
    return Gap(
        attribute=table.layout.attribute, measure=measure, group=table.layout.groups[index], reference=None,
        members=_members(rate), reference_members=None, rate=None, reference_rate=None, value=None, low=None, high=None,
        detectable=None, noise_share=float(rate.noise_share), p_value=None, tests=tests, verdict=Verdict.INSUFFICIENT,
        reason=reason,
    )  # fmt: skip


def _judge_ratio(table: CountTable, index: int, base: int, rates: Rate, thresholds: Thresholds, tests: int) -> Gap:
    one, other = rates[index], rates[base]
    interval = ratio(one, other, z_value(thresholds.alpha, tests))
    if float(interval.high) < thresholds.impact_ratio:
        verdict, reason = Verdict.FAIL, Reason.OUTSIDE_LIMIT
    elif float(interval.low) >= thresholds.impact_ratio:
        verdict, reason = Verdict.PASS, Reason.WITHIN_LIMIT
    else:
        verdict, reason = Verdict.INCONCLUSIVE, Reason.ACROSS_LIMIT
    return _gap(
        table, Measure.IMPACT_RATIO, index, base, rates, interval,
        detectable=detectable_ratio(one, other, thresholds=thresholds, tests=tests),
        p_value=float(two_sided_p(np.log(interval.value), log_ratio_error(one, other))),
        tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip


def _difference(
    table: CountTable, measure: Measure, index: int, base: int, rates: Rate, thresholds: Thresholds, tests: int
) -> Gap:
    one, other = rates[index], rates[base]
    interval = difference(one, other, z_value(thresholds.alpha, tests))
    verdict, reason = judge_difference(interval, thresholds)
    return _gap(
        table, measure, index, base, rates, interval,
        detectable=float(
            detectable_difference(one, other, alpha=thresholds.alpha, tests=tests, power=thresholds.power)
        ),
        p_value=float(two_sided_p(interval.value, np.sqrt(one.variance + other.variance))),
        tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip


def judge_difference(interval: Interval, thresholds: Thresholds) -> tuple[Verdict | None, Reason]:
    """Verdict on a difference by the limit on either side of 0; None if the plan sets no limit."""
    limit = thresholds.difference
    if limit is None:
        return None, Reason.SHOWN_ONLY
    if float(interval.low) > limit or float(interval.high) < -limit:
        return Verdict.FAIL, Reason.OUTSIDE_LIMIT
    if -limit <= float(interval.low) and float(interval.high) <= limit:
        return Verdict.PASS, Reason.WITHIN_LIMIT
    return Verdict.INCONCLUSIVE, Reason.ACROSS_LIMIT


def _gap(
    table: CountTable, measure: Measure, index: int, base: int, rates: Rate, interval: Interval, *,
    detectable: float | None, p_value: float, tests: int, verdict: Verdict | None, reason: Reason,
) -> Gap:  # fmt: skip
    one, other = rates[index], rates[base]
    return Gap(
        attribute=table.layout.attribute, measure=measure,
        group=table.layout.groups[index], reference=table.layout.groups[base],
        members=_members(one), reference_members=_members(other),
        rate=float(one.value), reference_rate=float(other.value),
        value=float(interval.value), low=float(interval.low), high=float(interval.high),
        detectable=detectable, noise_share=max(float(one.noise_share), float(other.noise_share)), p_value=p_value,
        tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip


def _auc_gap(table: CountTable, index: int, base: int, thresholds: Thresholds, tests: int) -> Gap:
    known = metrics.base_rate(table)[slice(0, -1)]
    value, variance = metrics.auc(table)
    _, sampling = metrics.auc_and_variance(table.cells[:, 1, :], table.cells[:, 0, :])
    for one in (index, base):
        lack = _lacks(known[one], thresholds)
        noisy = not np.isfinite(variance[one]) or variance[one] - sampling[one] > thresholds.noise_share * variance[one]
        if lack is not None or noisy:
            return _insufficient(table, Measure.AUC, index, known, max(tests, 1), lack or Reason.MOSTLY_NOISE)
    apart, error = value[index] - value[base], np.sqrt(variance[index] + variance[base])
    reach = z_value(thresholds.alpha, tests) * error
    interval = Interval(apart, apart - reach, apart + reach)
    verdict, reason = judge_difference(interval, thresholds)
    shares = [
        float((variance[one] - sampling[one]) / variance[one]) if variance[one] > 0 else 0.0 for one in (index, base)
    ]
    return Gap(
        attribute=table.layout.attribute, measure=Measure.AUC,
        group=table.layout.groups[index], reference=table.layout.groups[base],
        members=_members(known[index]), reference_members=_members(known[base]),
        rate=float(value[index]), reference_rate=float(value[base]),
        value=float(apart), low=float(apart - reach), high=float(apart + reach),
        detectable=float(reach + ndtri(thresholds.power) * error), noise_share=max(shares),
        p_value=float(two_sided_p(apart, error)), tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip
