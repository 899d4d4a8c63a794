"""Differences between groups: shown beside the verdict, or judged if the plan sets a limit for them.

Selection, true and false positive rate, precision, equalised odds and AUC of each group less those of a reference. The
AUC is left out of tables with few bins: two bins know a decision, not a ranking.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.errors import ThresholdsError
from audit.fairness.evidence import insufficient, lacks, members
from audit.fairness.intervals import Interval, Numbers, Rate, detectable_difference, difference, two_sided_p, z_value
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict

AUC_BINS = 5

RATES: dict[Measure, Callable[[CountTable], Rate]] = {
    Measure.SELECTION: metrics.selection,
    Measure.TRUE_POSITIVE_RATE: metrics.true_positive_rate,
    Measure.FALSE_POSITIVE_RATE: metrics.false_positive_rate,
    Measure.PRECISION: metrics.precision,
}


def differences(
    table: CountTable, thresholds: Thresholds, *, reference: str | None = None, tests: int | None = None
) -> tuple[Gap, ...]:
    """Compare each group with a reference on every measure.

    Args:
        table: noised counts.
        thresholds: with `difference` None, gaps are shown without a verdict.
        reference: a group; the largest one if None, which the decisions do not choose.
        tests: comparisons of the whole audit; those of this table if None.

    Returns:
        Gaps measure by measure; none if the table has a single group.

    Raises:
        ThresholdsError: the reference is not a group of the table.
    """
    groups = table.layout.groups
    if reference is not None and reference not in groups:
        raise ThresholdsError(f"{table.layout.attribute} has no group {reference!r}; choose one of {', '.join(groups)}")
    sizes = metrics.selection(table).total[:-1]
    base = int(np.argmax(sizes)) if reference is None else groups.index(reference)
    others = [index for index in range(len(groups)) if index != base]
    ranked = len(table.layout.edges) > AUC_BINS
    tests = max(len(others) * (len(RATES) + 1 + ranked), 1) if tests is None else tests
    gaps = [_rate_gap(table, measure, index, base, thresholds, tests) for measure in RATES for index in others]
    gaps += [_odds_gap(table, index, base, thresholds, tests) for index in others]
    if ranked:
        gaps += [_auc_gap(table, index, base, thresholds, tests) for index in others]
    return tuple(gaps)


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


def _rate_gap(table: CountTable, measure: Measure, index: int, base: int, thresholds: Thresholds, tests: int) -> Gap:
    rates = RATES[measure](table)
    one, other = rates[index], rates[base]
    lack = lacks(one, thresholds) or lacks(other, thresholds)
    if lack is not None:
        return insufficient(table, measure, index, rates, tests, lack)
    return _gap(
        table, measure, index, base, (one, other), (one.value, other.value),
        difference(one, other, z_value(thresholds.alpha, tests)), thresholds=thresholds, tests=tests,
        detectable=detectable_difference(one, other, alpha=thresholds.alpha, tests=tests, power=thresholds.power),
        noise_share=np.maximum(one.noise_share, other.noise_share),
        p_value=two_sided_p(one.value - other.value, np.sqrt(one.variance + other.variance)),
    )  # fmt: skip


def _odds_gap(table: CountTable, index: int, base: int, thresholds: Thresholds, tests: int) -> Gap:
    """The larger of the two absolute differences of equalised odds, with an interval that holds for both at once.

    Source:
        Hardt, Price, Srebro 2016, "Equality of opportunity in supervised learning", definition 2.1.
    """
    both = [RATES[measure](table) for measure in (Measure.TRUE_POSITIVE_RATE, Measure.FALSE_POSITIVE_RATE)]
    for rates in both:
        lack = lacks(rates[index], thresholds) or lacks(rates[base], thresholds)
        if lack is not None:
            return insufficient(table, Measure.EQUALISED_ODDS, index, rates, tests, lack)
    parts = [difference(rates[index], rates[base], z_value(thresholds.alpha, 2 * tests)) for rates in both]
    nearest = [np.maximum(np.maximum(part.low, -part.high), 0) for part in parts]
    farthest = [np.maximum(np.abs(part.low), np.abs(part.high)) for part in parts]
    sizes = [np.abs(part.value) for part in parts]
    worst = int(np.argmax([float(size) for size in sizes]))
    rates = both[worst]
    errors = [np.sqrt(rate[index].variance + rate[base].variance) for rate in both]
    raw = [float(two_sided_p(part.value, error)) for part, error in zip(parts, errors, strict=True)]
    reachable = [
        detectable_difference(rate[index], rate[base], alpha=thresholds.alpha, tests=2 * tests, power=thresholds.power)
        for rate in both
    ]
    return _gap(
        table, Measure.EQUALISED_ODDS, index, base, (rates[index], rates[base]),
        (rates[index].value, rates[base].value),
        Interval(sizes[worst], np.max(nearest), np.max(farthest)), thresholds=thresholds, tests=tests,
        detectable=np.max(reachable),
        noise_share=np.max([rate[one].noise_share for rate in both for one in (index, base)]),
        p_value=np.minimum(2 * np.min(raw), 1.0),
    )  # fmt: skip


def _auc_gap(table: CountTable, index: int, base: int, thresholds: Thresholds, tests: int) -> Gap:
    known = metrics.base_rate(table)
    value, variance = metrics.auc(table)
    shares = metrics.auc_noise_share(table)
    for one in (index, base):
        lack = lacks(known[one], thresholds)
        if lack is not None or not np.isfinite(variance[one]) or shares[one] > thresholds.noise_share:
            return insufficient(table, Measure.AUC, index, known, tests, lack or Reason.MOSTLY_NOISE)
    apart, error = value[index] - value[base], np.sqrt(variance[index] + variance[base])
    reach = z_value(thresholds.alpha, tests) * error
    return _gap(
        table, Measure.AUC, index, base, (known[index], known[base]), (value[index], value[base]),
        Interval(apart, apart - reach, apart + reach), thresholds=thresholds, tests=tests,
        detectable=reach + ndtri(thresholds.power) * error, noise_share=np.maximum(shares[index], shares[base]),
        p_value=two_sided_p(apart, error),
    )  # fmt: skip


def _gap(
    table: CountTable, measure: Measure, index: int, base: int, counted: tuple[Rate, Rate],
    rated: tuple[Numbers, Numbers], interval: Interval, *, thresholds: Thresholds, tests: int,
    detectable: float | Numbers, noise_share: float | Numbers, p_value: float | Numbers,
) -> Gap:  # fmt: skip
    verdict, reason = judge_difference(interval, thresholds)
    return Gap(
        attribute=table.layout.attribute, measure=measure,
        group=table.layout.groups[index], reference=table.layout.groups[base],
        members=members(counted[0]), reference_members=members(counted[1]),
        rate=float(rated[0]), reference_rate=float(rated[1]),
        value=float(interval.value), low=float(interval.low), high=float(interval.high),
        detectable=float(detectable), noise_share=float(noise_share), p_value=float(p_value),
        tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip
