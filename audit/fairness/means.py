"""One number for each member, by group: her answer, what her lists are like, what she paid, whether an offer came.

The number lies between two public ends and is cut into equal bins, so that it is counted like a decision: groups x
labels x bins, one member in one cell. Label 1 says that her number is known, label 0 that she was asked and is silent.
Groups are compared by their means; the limit is a materiality in the number's own unit, fixed before anybody counts.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from audit.fairness.counts import CountTable
from audit.fairness.errors import ThresholdsError
from audit.fairness.evidence import EVIDENCE_Z, insufficient
from audit.fairness.intervals import Numbers, Rate, two_sided_p, z_value
from audit.fairness.satisfaction import MeanAnswers, mean_answers
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict


@dataclass(frozen=True, slots=True)
class Scale:
    """The public ends of the number, and the difference of means that matters.

    Attributes:
        low: lower end of the lowest bin; `high` the upper end of the highest.
        high: see `low`.
        materiality: differences up to it do not matter, in the number's unit, above 0 and below high - low.
    """

    low: float
    high: float
    materiality: float

    def __post_init__(self) -> None:
        span = self.high - self.low
        if not (np.isfinite(span) and 0 < self.materiality < span):
            raise ThresholdsError("a scale has a low and a high end, and a materiality between 0 and their distance")

    def middles(self, bins: int) -> Numbers:
        """The number that each bin stands for: its middle, shape (bins,)."""
        return np.asarray(self.low + (np.arange(bins) + 0.5) * (self.high - self.low) / bins)


def means_of(table: CountTable, scale: Scale, thresholds: Thresholds) -> MeanAnswers:
    """Mean of each group of the table, with its interval and with bounds for the silent; "not given" last."""
    return mean_answers(
        table.cells[:, 1, :],
        scale.middles(table.cells.shape[2]),
        table.cells[:, 0, 0],
        noise_variance=table.noise_variance,
        thresholds=thresholds,
    )


def judge_means(table: CountTable, scale: Scale, thresholds: Thresholds, *, tests: int) -> tuple[Gap, ...]:
    """Judge the mean of each group against the highest one with enough evidence.

    Args:
        table: noised counts.
        scale: of the number.
        thresholds: alpha, power, and the evidence that a group needs.
        tests: pairs of groups of the whole audit.

    Returns:
        A gap for each group but the reference: PASS if the whole interval of the difference lies within the
        materiality, FAIL if outside, INCONCLUSIVE across it, INSUFFICIENT without evidence.
    """
    mean, sampling, noise, rates = _moments(table, scale)
    groups = range(len(table.layout.groups))
    found = [_lack(rates[index], float(sampling[index]), float(noise[index]), thresholds) for index in groups]
    enough = [index for index in groups if found[index] is None]
    if len(enough) < 2:
        return tuple(
            insufficient(table, Measure.MEAN, index, rates, tests, found[index] or Reason.NO_OTHER_GROUP)
            for index in groups
        )
    base = max(enough, key=lambda index: float(mean[index]))
    gaps = []
    for index in groups:
        lack = found[index]
        if index == base:
            continue
        if lack is not None:
            gaps.append(insufficient(table, Measure.MEAN, index, rates, tests, lack))
            continue
        variance = sampling[index] + noise[index] + sampling[base] + noise[base]
        shares = [float(noise[one] / max(sampling[one] + noise[one], 1e-300)) for one in (index, base)]
        pair = (index, base), (rates[index], rates[base]), (float(mean[index]), float(mean[base]))
        gaps.append(_gap(table, *pair, error=float(np.sqrt(variance)), share=max(shares), scale=scale,
                         thresholds=thresholds, tests=tests))  # fmt: skip
    return tuple(gaps)


def _gap(
    table: CountTable,
    places: tuple[int, int],
    rates: tuple[Rate, Rate],
    means: tuple[float, float],
    *,
    error: float,
    share: float,
    scale: Scale,
    thresholds: Thresholds,
    tests: int,
) -> Gap:
    value, z = means[0] - means[1], z_value(thresholds.alpha, tests)
    low, high = value - z * error, value + z * error
    verdict, reason = _verdict(low, high, scale.materiality)
    group, reference = (table.layout.groups[place] for place in places)
    return Gap(
        attribute=table.layout.attribute, measure=Measure.MEAN, group=group, reference=reference,
        members=_members(rates[0]), reference_members=_members(rates[1]), rate=means[0], reference_rate=means[1],
        value=value, low=low, high=high, detectable=(z + float(ndtri(thresholds.power))) * error, noise_share=share,
        p_value=float(two_sided_p(np.asarray(value), np.asarray(error))), tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip


def _moments(table: CountTable, scale: Scale) -> tuple[Numbers, Numbers, Numbers, Rate]:
    """Mean of each group, the parts of its variance made by members and by noise, and members who are known."""
    counts = table.cells[:, 1, :].astype(float)
    values = scale.middles(counts.shape[1])
    total = counts.sum(axis=1)
    n = np.maximum(total, 1.0)
    mean = np.clip(counts @ values / n, values[0], values[-1])
    squares = (values - mean[:, None]) ** 2 / n[:, None] ** 2
    # A group that gave one answer only still varies: by at least one member in the neighbouring bin.
    width = (scale.high - scale.low) / counts.shape[1]
    sampling = np.maximum((squares * np.maximum(counts, 0)).sum(axis=1), (width / n) ** 2)
    rates = Rate(total, np.zeros_like(total), counts.shape[1], 0, table.noise_variance)
    return np.asarray(mean), np.asarray(sampling), np.asarray(squares.sum(axis=1) * table.noise_variance), rates


def _lack(rate: Rate, sampling: float, noise: float, thresholds: Thresholds) -> Reason | None:
    if not float(rate.members_low(EVIDENCE_Z)) >= thresholds.minimum_members:
        return Reason.TOO_FEW_MEMBERS
    return Reason.MOSTLY_NOISE if noise > thresholds.noise_share * (sampling + noise) else None


def _members(rate: Rate) -> int:
    return max(round(float(rate.total)), 0)


def _verdict(low: float, high: float, materiality: float) -> tuple[Verdict, Reason]:
    if low > materiality or high < -materiality:
        return Verdict.FAIL, Reason.OUTSIDE_LIMIT
    if -materiality <= low and high <= materiality:
        return Verdict.PASS, Reason.WITHIN_LIMIT
    return Verdict.INCONCLUSIVE, Reason.ACROSS_LIMIT
