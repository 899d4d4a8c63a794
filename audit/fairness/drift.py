"""Have scores moved since the model was released? Population stability with an alarm that knows the noise.

The usual alarm at .10 sounds on sampling alone with 300 members; this one asks whether the movement is larger than
sampling and noise explain.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from audit.fairness.errors import TableMismatchError, ThresholdsError
from audit.fairness.evidence import EVIDENCE_Z
from audit.fairness.verdict import Thresholds


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a histogram moved.

    Attributes:
        index: population stability index, sum (q - p) ln(q / p), >= 0.
        alarm_at: the index at which the alarm sounds.
        alarm: does it sound? None if there is too little evidence to say.
    """

    index: float
    alarm_at: float
    alarm: bool | None


def drift(
    before: npt.ArrayLike, now: npt.ArrayLike, *, noise_variance: float, thresholds: Thresholds, alpha: float = 0.05
) -> Drift:
    """Compare two histograms of the same bins.

    With bins of equal size the index of unmoved scores is lambda times a chi-squared number with bins - 1 degrees of
    freedom, lambda = (1/n + 1/m) + v B (1/n^2 + 1/m^2). Bins of other sizes have weights of their own, (1/n + 1/m) +
    v (1/n^2 + 1/m^2) / p_b, and the sum is matched by a scaled chi-squared with the same mean and variance. A bin
    counts at least half a member, and at least one standard deviation of its noise, so that no logarithm explodes.

    Args:
        before: noised counts at release, shape (bins,), at least two bins.
        now: noised counts today, same shape.
        noise_variance: variance of the noise in one bin of either.
        thresholds: minimum members and the noise's share, as for gaps.
        alpha: how often the alarm may sound when nothing moved.

    Source:
        Yurdakul, Naranjo 2020, "Statistical properties of the population stability index", J. Risk Model Validation 14,
        for the chi-squared law; Satterthwaite 1946 for the match; the noise enters through v.
    """
    old, new = np.asarray(before, dtype=float), np.asarray(now, dtype=float)
    if old.shape != new.shape or old.ndim != 1 or len(old) < 2:
        raise TableMismatchError("drift needs two histograms of the same bins, at least two of them")
    if not 0 < alpha < 1:
        raise ThresholdsError("alpha must lie between 0 and 1")
    bins = len(old)
    spread = EVIDENCE_Z * np.sqrt(bins * noise_variance)
    many = min(old.sum(), new.sum()) - spread >= thresholds.minimum_members
    floor = max(0.5, float(np.sqrt(noise_variance)))
    p, q = (np.maximum(part, floor) / np.maximum(part, floor).sum() for part in (old, new))
    index = float(np.sum((q - p) * np.log(q / p)))
    n, m = max(float(old.sum()), 1.0), max(float(new.sum()), 1.0)
    sampling, noise = 1 / n + 1 / m, noise_variance * (1 / n**2 + 1 / m**2)
    weights = sampling + noise / ((p + q) / 2)
    degrees = (bins - 1) * weights.sum() ** 2 / (bins * np.sum(weights**2))
    scale = weights.sum() * (bins - 1) / bins / degrees
    alarm_at = float(scale * chdtri(degrees, alpha))
    heard = bins * noise <= thresholds.noise_share * (sampling + bins * noise)
    return Drift(index, alarm_at, index > alarm_at if many and heard else None)
