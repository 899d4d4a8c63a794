"""How content are members of each group, by their own answers, and what about those who did not answer?

Answers are counted like decisions: groups x answers, one answer per member, noise on every cell.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.fairness.errors import TableMismatchError
from audit.fairness.evidence import EVIDENCE_Z
from audit.fairness.intervals import Numbers, z_value
from audit.fairness.verdict import Thresholds


@dataclass(frozen=True, slots=True, eq=False)
class MeanAnswers:
    """Mean answer of each group; arrays of shape (groups,).

    Attributes:
        mean: on the scale of the answers; NaN where there is too little evidence.
        low: lower end of the interval; `high` the upper one; NaN likewise.
        high: see `low`.
        worst: bound of the mean of all members asked if those who did not answer are as discontent as can be; `best`
            if they are as content as can be. Given even where the mean is not.
        best: see `worst`.
        response: noised share of members asked who answered, 0 to 1.
    """

    mean: Numbers
    low: Numbers
    high: Numbers
    worst: Numbers
    best: Numbers
    response: Numbers


def mean_answers(
    cells: npt.ArrayLike,
    answers: npt.ArrayLike,
    silent: npt.ArrayLike,
    *,
    noise_variance: float,
    thresholds: Thresholds,
    tests: int = 1,
) -> MeanAnswers:
    """Mean answer by group, with noise, and bounds for those who did not answer.

    The mean's gradient in cell a is (a - mean)/n, so Var = sum_a (a - mean)^2 (max(N_a, 0) + v) / n^2.

    Args:
        cells: noised counts, shape (groups, answers).
        answers: value of each answer, shape (answers,), for example 1 to 5.
        silent: noised number of members of each group who were asked and did not answer, shape (groups,).
        noise_variance: variance of the noise in one cell.
        thresholds: alpha, minimum members, the noise's largest share of the variance.
        tests: groups compared in the whole audit.

    Raises:
        TableMismatchError: shapes do not fit.
    """
    counts, values = np.asarray(cells, dtype=float), np.asarray(answers, dtype=float)
    quiet = np.maximum(np.asarray(silent, dtype=float), 0)
    if counts.ndim != 2 or values.shape != counts.shape[1:] or quiet.shape != counts.shape[:1] or not len(values):
        raise TableMismatchError("answers need a count for each group and answer, and one of the silent for each group")
    total = counts.sum(axis=1)
    n = np.maximum(total, 1.0)
    mean = np.clip(counts @ values / n, values.min(), values.max())
    squares = (values - mean[:, None]) ** 2 / n[:, None] ** 2
    sampling, noise = (squares * np.maximum(counts, 0)).sum(axis=1), squares.sum(axis=1) * noise_variance
    sure = total - EVIDENCE_Z * np.sqrt(len(values) * noise_variance) >= thresholds.minimum_members
    sure &= noise <= thresholds.noise_share * (sampling + noise)
    reach = z_value(thresholds.alpha, tests) * np.sqrt(sampling + noise)
    response = np.where(total > 0, n / (n + quiet), 0.0)
    low, high = np.maximum(mean - reach, values.min()), np.minimum(mean + reach, values.max())
    held_low, held_high = np.where(sure, low, values.min()), np.where(sure, high, values.max())
    return MeanAnswers(
        np.where(sure, mean, np.nan),
        np.where(sure, low, np.nan),
        np.where(sure, high, np.nan),
        response * held_low + (1 - response) * values.min(),
        response * held_high + (1 - response) * values.max(),
        response,
    )
