"""What happens to each group: rates of selection, of being found, of being warned in error, of being right; AUC.

Every function takes a table and answers for all its groups at once, "not given" last. `selected` means a score at or
above the threshold; `y = 1` that the outcome came true.
"""

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from audit.fairness.counts import CountTable
from audit.fairness.intervals import Interval, Numbers, Rate


def selection(table: CountTable) -> Rate:
    """Share of members selected, labelled or not; shape (groups,)."""
    return _rate(table, labels=slice(None))


def true_positive_rate(table: CountTable) -> Rate:
    """Share selected among members with y = 1: of those it came true for, how many were found."""
    return _rate(table, labels=slice(1, 2))


def false_positive_rate(table: CountTable) -> Rate:
    """Share selected among members with y = 0: of those it did not come true for, how many were selected in error."""
    return _rate(table, labels=slice(0, 1))


def precision(table: CountTable) -> Rate:
    """Share with y = 1 among selected members whose outcome is known."""
    cut = table.layout.cut
    chosen = table.cells[:, :2, cut:].sum(axis=2).astype(float)
    bins = table.cells.shape[2] - cut
    return Rate(chosen[:, 1], chosen[:, 0], bins, bins, table.noise_variance)


def base_rate(table: CountTable) -> Rate:
    """Share with y = 1 among members whose outcome is known."""
    known = table.cells[:, :2, :].sum(axis=2).astype(float)
    bins = table.cells.shape[2]
    return Rate(known[:, 1], known[:, 0], bins, bins, table.noise_variance)


def auc_from_histogram(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, noise_variance: float = 0.0, *, z: float = 1.959963984540054
) -> Interval:
    """Area under the ROC curve of binned scores, with an interval that includes the noise.

    AUC = sum_b p1_b (F0(b-) + p0_b / 2): how often a random positive scores above a random negative, ties half. The
    interval is made on the logit scale, which keeps its level in groups of a hundred; the plain one does not.
    Where noise leaves no positives or no negatives the answer is .5 from 0 to 1: nothing was learned.

    Args:
        positives: noised counts of y = 1 per bin, lowest scores first, shape (..., bins).
        negatives: the same of y = 0.
        noise_variance: variance of the noise in one bin, >= 0.
        z: normal quantile of the interval; 95 % by default.

    Source:
        Bamber 1975 for the trapezoid with ties; gradients (F0(b-) + p0_b/2 - AUC)/n1 and (1 - F1(b) + p1_b/2 - AUC)/n0.
    """
    value, variance = auc_and_variance(positives, negatives, noise_variance)
    fewer = np.minimum(np.sum(positives, axis=-1), np.sum(negatives, axis=-1))
    # At 0 and 1 the logit has no value and the delta method no variance; half a member keeps both finite.
    edge = 0.5 / (np.maximum(fewer, 1) + 1)
    held = np.clip(value, edge, 1 - edge)
    error = np.sqrt(np.maximum(variance, edge * (1 - edge) / np.maximum(fewer, 1))) / (held * (1 - held))
    low, high = expit(logit(held) - z * error), expit(logit(held) + z * error)
    return Interval(value, np.minimum(low, value), np.maximum(high, value))


def auc_and_variance(
    positives: npt.ArrayLike, negatives: npt.ArrayLike, noise_variance: float = 0.0
) -> tuple[Numbers, Numbers]:
    """AUC and its variance; (.5, infinity) where there are no positives or no negatives. See `auc_from_histogram`."""
    ones, zeros = np.asarray(positives, dtype=float), np.asarray(negatives, dtype=float)
    n1, n0 = ones.sum(axis=-1), zeros.sum(axis=-1)
    known = (n1 >= 1) & (n0 >= 1)
    p1 = ones / np.where(known, n1, 1.0)[..., None]
    p0 = zeros / np.where(known, n0, 1.0)[..., None]
    below = np.cumsum(p0, axis=-1) - p0 / 2
    above = 1 - np.cumsum(p1, axis=-1) + p1 / 2
    auc = np.sum(p1 * below, axis=-1)
    by_one = (below - auc[..., None]) / np.where(known, n1, 1.0)[..., None]
    by_zero = (above - auc[..., None]) / np.where(known, n0, 1.0)[..., None]
    spread = np.sum(by_one**2 * (_unbiased(ones, n1) + noise_variance), axis=-1)
    spread += np.sum(by_zero**2 * (_unbiased(zeros, n0) + noise_variance), axis=-1)
    return np.where(known, np.clip(auc, 0, 1), 0.5), np.where(known, spread, np.inf)


def auc(table: CountTable) -> tuple[Numbers, Numbers]:
    """AUC of each group and its variance, shapes (groups,)."""
    return auc_and_variance(table.cells[:, 1, :], table.cells[:, 0, :], table.noise_variance)


def auc_noise_share(table: CountTable) -> Numbers:
    """Part of the variance of each group's AUC that the noise makes, 0 to 1; 1 where nothing was learned."""
    variance = auc(table)[1]
    sampling = auc_and_variance(table.cells[:, 1, :], table.cells[:, 0, :])[1]
    known = np.isfinite(variance)
    left = np.divide(sampling, variance, out=np.ones_like(variance), where=known & (variance > 0))
    return np.where(known, 1 - left, 1.0)


def _unbiased(counts: Numbers, total: Numbers) -> Numbers:
    """Counts as variances, times n/(n-1) as in DeLong, DeLong, Clarke-Pearson 1988."""
    return np.asarray(np.maximum(counts, 0) * (total / np.maximum(total - 1, 1))[..., None])


def _rate(table: CountTable, *, labels: slice) -> Rate:
    cut = table.layout.cut
    part = table.cells[:, labels, :].astype(float)
    chosen, rest = part[:, :, cut:], part[:, :, :cut]
    return Rate(
        chosen.sum(axis=(1, 2)),
        rest.sum(axis=(1, 2)),
        chosen.shape[1] * chosen.shape[2],
        rest.shape[1] * rest.shape[2],
        table.noise_variance,
    )
