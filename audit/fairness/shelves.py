"""What a catalogue's shelves get of members' attention: exposure by group, coverage and concentration.

Each member stands for one product of her list, drawn by its exposure, and is counted on its shelf: one member, one
cell. So a group's counts are its exposure, shelf by shelf, and all of them together show which shelves are seen at all.
Products are too many for noised cells; a run's own evaluation counts those (`coverage:`).

Source:
    Singh, Joachims 2018, "Fairness of exposure in rankings", section 3.1, for exposure; Gini 1912.
"""

from dataclasses import dataclass

import numpy as np

from audit.fairness.counts import CountTable
from audit.fairness.evidence import insufficient, lacks, members
from audit.fairness.intervals import Rate, detectable_difference, difference, two_sided_p, z_value
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict

SURE = 3.0
"""A shelf counts as seen if its count stands so many standard deviations of its noise above zero."""


@dataclass(frozen=True, slots=True)
class Attention:
    """What shelves get of one group's attention.

    Attributes:
        shares: of the exposure, by shelf, 0 to 1; they add up to 1, or are all 0 where nobody was counted.
        at_least: share of the shelves that are certainly seen: an estimate from below.
        gini: 0 all shelves alike, towards 1 all attention on one; what noise makes by itself is taken off.
    """

    group: str
    shares: tuple[float, ...]
    at_least: float
    gini: float


def attention(table: CountTable) -> tuple[Attention, ...]:
    """For each group, and last for all members together ("" as its name)."""
    counts = table.cells[:, 1, :].astype(float)
    named = [(group, counts[index], 1) for index, group in enumerate(table.layout.groups)]
    named.append(("", counts.sum(axis=0), counts.shape[0]))
    return tuple(_attention(group, row, parts * table.noise_variance) for group, row, parts in named)


def judge_shelves(table: CountTable, limit: float, thresholds: Thresholds, *, tests: int) -> tuple[Gap, ...]:
    """Judge, for each group but the largest one, the shelf whose share differs most from the largest group's.

    Args:
        table: noised counts, a bin for each shelf.
        limit: difference of shares that matters, in (0, 1).
        thresholds: alpha, power, and the evidence that a group needs.
        tests: pairs of groups of the whole audit; shelves multiply them.

    Returns:
        The gap of the worst shelf, with an interval that holds for all shelves at once.
    """
    counts = table.cells[:, 1, :].astype(float)
    shelves = counts.shape[1]
    groups = range(len(table.layout.groups))
    rates = [Rate(counts[:, at], counts.sum(axis=1) - counts[:, at], 1, shelves - 1, table.noise_variance)
             for at in range(shelves)]  # fmt: skip
    lack = [_lack([rate[index] for rate in rates], thresholds) for index in groups]
    enough = [index for index in groups if lack[index] is None]
    if len(enough) < 2:
        reasons = [lack[index] or Reason.NO_OTHER_GROUP for index in groups]
        return tuple(insufficient(table, Measure.EXPOSURE, index, rates[0], tests, reasons[index]) for index in groups)
    base = max(enough, key=lambda index: float(counts[index].sum()))
    gaps = []
    for index in groups:
        why = lack[index]
        if index != base:
            gaps.append(
                _gap(table, rates, index, base, limit, thresholds, tests)
                if why is None
                else insufficient(table, Measure.EXPOSURE, index, rates[0], tests, why)
            )
    return tuple(gaps)


def _gap(
    table: CountTable, rates: list[Rate], index: int, base: int, limit: float, thresholds: Thresholds, tests: int
) -> Gap:
    many = tests * len(rates)
    z = z_value(thresholds.alpha, many)
    found = [difference(rate[index], rate[base], z) for rate in rates]
    nearest = max(max(float(one.low), -float(one.high), 0.0) for one in found)
    farthest = max(max(abs(float(one.low)), abs(float(one.high))) for one in found)
    worst = max(range(len(found)), key=lambda at: abs(float(found[at].value)))
    rate = rates[worst]
    errors = [np.sqrt(one[index].variance + one[base].variance) for one in rates]
    p_value = min(float(two_sided_p(one.value, error)) for one, error in zip(found, errors, strict=True))
    seen = max(
        float(detectable_difference(one[index], one[base], alpha=thresholds.alpha, tests=many, power=thresholds.power))
        for one in rates
    )
    verdict, reason = Verdict.INCONCLUSIVE, Reason.ACROSS_LIMIT
    if nearest > limit:
        verdict, reason = Verdict.FAIL, Reason.OUTSIDE_LIMIT
    elif farthest <= limit:
        verdict, reason = Verdict.PASS, Reason.WITHIN_LIMIT
    return Gap(
        attribute=table.layout.attribute, measure=Measure.EXPOSURE,
        group=table.layout.groups[index], reference=table.layout.groups[base],
        members=members(rate[index]), reference_members=members(rate[base]),
        rate=float(rate[index].value), reference_rate=float(rate[base].value),
        value=abs(float(found[worst].value)), low=nearest, high=farthest, detectable=seen,
        noise_share=max(float(rate[at].noise_share) for at in (index, base)),
        p_value=min(1.0, len(rates) * p_value), tests=tests, verdict=verdict, reason=reason,
    )  # fmt: skip


def _lack(rates: list[Rate], thresholds: Thresholds) -> Reason | None:
    """Of a group: too few members, or noise that drowns its largest share."""
    largest = max(rates, key=lambda rate: float(rate.value))
    return lacks(largest, thresholds)


def _attention(group: str, counts: np.ndarray, noise: float) -> Attention:
    held = np.maximum(counts, 0.0)
    total = float(held.sum())
    shares = held / total if total > 0 else np.zeros(len(held))
    seen = float(np.mean(counts > SURE * noise**0.5)) if noise > 0 else float(np.mean(counts > 0))
    return Attention(group, tuple(float(one) for one in shares), seen, _gini(counts, noise))


def _gini(counts: np.ndarray, noise: float) -> float:
    """Half the mean distance of two shelves over their mean, each distance freed of the noise: sqrt((a - b)^2 - 2v)."""
    n, mean = len(counts), float(counts.mean())
    if mean <= 0 or n < 2:
        return 0.0
    squares = (counts[:, None] - counts[None, :]) ** 2 - 2 * noise
    apart = np.sqrt(np.maximum(squares, 0.0))[np.triu_indices(n, 1)]
    return float(min(apart.sum() / (n * n * mean), 1.0))
