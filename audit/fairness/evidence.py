"""Is there enough to say anything? Asked of every rate before its interval is looked at."""

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import CountTable
from audit.fairness.intervals import Rate
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict

EVIDENCE_Z = 1.959963984540054
"""Bounds on numbers of members hold at 95 %, whatever the level of the tests."""


def enough(rate: Rate, thresholds: Thresholds) -> npt.NDArray[np.bool_]:
    """Which rates rest on enough members and on more than noise; same shape as the rate."""
    return np.asarray(_many(rate, thresholds) & _heard(rate, thresholds))


def lacks(rate: Rate, thresholds: Thresholds) -> Reason | None:
    """What a single rate lacks; None if there is enough."""
    if not bool(_many(rate, thresholds)):
        return Reason.TOO_FEW_MEMBERS
    return None if bool(_heard(rate, thresholds)) else Reason.MOSTLY_NOISE


def one_outcome(rates: Rate, thresholds: Thresholds) -> bool:
    """Is hardly anybody, or nearly everybody, selected over all groups together?"""
    for counts, cells in ((rates.yes, rates.yes_cells), (rates.no, rates.no_cells)):
        spread = EVIDENCE_Z * np.sqrt(counts.shape[0] * cells * rates.noise_variance)
        if not float(counts.sum()) - spread >= thresholds.minimum_outcomes:
            return True
    return False


def members(rate: Rate) -> int:
    """Noised number of members behind a rate, at least 0."""
    return max(round(float(rate.yes + rate.no)), 0)


def insufficient(table: CountTable, measure: Measure, index: int, rates: Rate, tests: int, reason: Reason) -> Gap:
    """The gap of group `index` when nothing can be said about it."""
    rate = rates[index]
    return Gap(
        attribute=table.layout.attribute, measure=measure, group=table.layout.groups[index], reference=None,
        members=members(rate), reference_members=None, rate=None, reference_rate=None, value=None, low=None, high=None,
        detectable=None, noise_share=float(rate.noise_share), p_value=None, tests=tests, verdict=Verdict.INSUFFICIENT,
        reason=reason,
    )  # fmt: skip


def _many(rate: Rate, thresholds: Thresholds) -> npt.NDArray[np.bool_]:
    return np.asarray(rate.members_low(EVIDENCE_Z) >= thresholds.minimum_members)


def _heard(rate: Rate, thresholds: Thresholds) -> npt.NDArray[np.bool_]:
    return np.asarray(rate.noise_share <= thresholds.noise_share)
