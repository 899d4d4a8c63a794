"""Does a score of .3 mean that three in ten come true, in each group?

Noise makes a plain calibration error look larger than it is, most in small groups; here its expectation is taken off.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc

from audit.fairness.counts import CountTable
from audit.fairness.evidence import EVIDENCE_Z
from audit.fairness.intervals import Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Calibration of each group, "not given" last; arrays of shape (groups,).

    Attributes:
        error: expected calibration error, debiased: 0 is expected of a calibrated score, so it may be slightly
            negative. NaN where nobody with a known outcome was counted.
        statistic: chi-squared statistic of "the score is calibrated"; `degrees` its degrees of freedom (bins).
        p_value: of the statistic; 1 where nobody was counted.
        members_low: lower bound on the members with a known outcome.
    """

    error: Numbers
    statistic: Numbers
    degrees: int
    p_value: Numbers
    members_low: Numbers


def calibration(table: CountTable, scores: npt.ArrayLike | None = None) -> Calibration:
    """Compare outcomes with scores, bin by bin.

    D_b = O_b - n_b s_b with variance n_b s_b (1-s_b) + ((1-s_b)^2 + s_b^2) v; the error is
    sum |D_b| / n - sqrt(2/pi) sum tau_b / n, and sum D_b^2 / tau_b^2 is chi-squared if the score is calibrated.

    Args:
        table: noised counts.
        scores: what each bin promises, shape (bins,), in [0, 1]; the middle of each bin if None, which is right only
            for narrow bins: half a bin's width may show up as an error.

    Source:
        Roelofs et al. 2022, "Mitigating bias in calibration error estimation", for the bias; Hosmer, Lemeshow 1980 for
        the test; the noise enters through v.
    """
    edges = np.asarray(table.layout.edges)
    promised = (edges[1:] + edges[:-1]) / 2 if scores is None else np.asarray(scores, dtype=float)
    zeros, ones = table.cells[:, 0, :].astype(float), table.cells[:, 1, :].astype(float)
    off = ones * (1 - promised) - zeros * promised
    counted = np.maximum(ones + zeros, 0)
    variance = counted * promised * (1 - promised) + ((1 - promised) ** 2 + promised**2) * table.noise_variance
    total = (ones + zeros).sum(axis=1)
    known = total >= 1
    divisor = np.where(known, total, 1.0)
    expected = np.sqrt(2 / np.pi) * np.sqrt(variance).sum(axis=1)
    error = np.where(known, (np.abs(off).sum(axis=1) - expected) / divisor, np.nan)
    terms = np.divide(off**2, variance, out=np.zeros_like(off), where=variance > 0)
    statistic = terms.sum(axis=1)
    bins = off.shape[1]
    p_value = np.where(known, chdtrc(bins, statistic), 1.0)
    low = total - EVIDENCE_Z * np.sqrt(2 * bins * table.noise_variance)
    return Calibration(error, statistic, bins, p_value, low)
