"""Intervals that include the noise, by one rule for variances.

For a scale-free statistic T of the cells N_c with independent noise of variance v_c:

    Var(T) ~ sum over cells of (dT/dN_c)^2 (max(N_c, 0) + v_c)

because a count of members varies like a Poisson number and the noise adds its own variance. All functions work on
arrays of one shape (a single number is an array of shape ()); no input makes them divide by zero.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

from audit.fairness.errors import ThresholdsError

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """A value and the ends of its interval, arrays of one shape."""

    value: Numbers
    low: Numbers
    high: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """Shares of members for whom something is so, made of noised counts; arrays of one shape.

    Attributes:
        yes: noised number for whom it is so; may be negative.
        no: noised number for whom it is not.
        yes_cells: how many cells were added up to `yes`.
        no_cells: how many cells were added up to `no`.
        noise_variance: variance of the noise in one cell.
    """

    yes: Numbers
    no: Numbers
    yes_cells: int
    no_cells: int
    noise_variance: float

    def __getitem__(self, index: int | slice | npt.NDArray[np.bool_]) -> "Rate":
        return Rate(
            np.asarray(self.yes[index]), np.asarray(self.no[index]), self.yes_cells, self.no_cells, self.noise_variance
        )

    @property
    def total(self) -> Numbers:
        """Noised number of members, negative parts counted as none."""
        return np.asarray(np.maximum(self.yes, 0) + np.maximum(self.no, 0), dtype=float)

    @property
    def value(self) -> Numbers:
        """The share, 0 to 1; .5 where nobody was counted (its variance is then infinite)."""
        total = self.total
        half = np.full(total.shape, 0.5)
        return np.asarray(np.divide(np.maximum(self.yes, 0), total, out=half, where=total > 0))

    @property
    def sampling_variance(self) -> Numbers:
        """p(1-p)/n: what would be left without noise."""
        p, total = self.value, self.total
        unknown = np.full(total.shape, np.inf)
        return np.asarray(np.divide(p * (1 - p), total, out=unknown, where=total > 0))

    @property
    def noise_part(self) -> Numbers:
        """[(1-p)^2 k_yes + p^2 k_no] v / n^2: what the noise adds to the variance."""
        p, total = self.value, self.total
        added = ((1 - p) ** 2 * self.yes_cells + p**2 * self.no_cells) * self.noise_variance
        return np.divide(added, total**2, out=np.where(added > 0, np.inf, 0.0), where=total > 0)

    @property
    def variance(self) -> Numbers:
        """Variance of the share, sampling and noise together."""
        return np.asarray(self.sampling_variance + self.noise_part)

    @property
    def noise_share(self) -> Numbers:
        """Part of the variance that the noise makes, 0 to 1; 1 where nothing was counted."""
        total = self.variance
        known = np.isfinite(total) & (total > 0)
        return np.divide(self.noise_part, total, out=np.where(np.isfinite(total), 0.0, 1.0), where=known)

    def members_low(self, z: float) -> Numbers:
        """Lower bound on the number of members counted: the noised number less z standard deviations of its noise."""
        spread = z * np.sqrt((self.yes_cells + self.no_cells) * self.noise_variance)
        return np.asarray(self.yes + self.no - spread, dtype=float)


def z_value(alpha: float, tests: int = 1) -> float:
    """Quantile of the normal distribution for two-sided intervals at level 1 - alpha, Bonferroni over `tests`.

    Raises:
        ThresholdsError: alpha not in (0, 1) or fewer than one test.
    """
    if not 0 < alpha < 1 or tests < 1:
        raise ThresholdsError("alpha must lie between 0 and 1, and there must be at least one test")
    return float(-ndtri(alpha / (2 * tests)))


def wilson(rate: Rate, z: float) -> Interval:
    """Wilson's score interval with the number of members that the noise leaves in effect, n_eff = p(1-p)/V.

    Source:
        Wilson 1927, "Probable inference", J. Am. Stat. Assoc. 22; n_eff as in design effects, Kish 1965.
    """
    p = rate.value
    near = Rate(
        np.maximum(rate.yes, 0) + 1, np.maximum(rate.no, 0) + 1, rate.yes_cells, rate.no_cells, rate.noise_variance
    )
    # At p = 0 both p(1-p) and V are 0; one more yes and one more no keep their quotient, which is n without noise.
    kept = near.sampling_variance / near.variance
    n_eff = rate.total * kept
    centre = (n_eff * p + z**2 / 2) / (n_eff + z**2)
    half = z / (n_eff + z**2) * np.sqrt(n_eff * p * (1 - p) + z**2 / 4)
    # Rounding must not put an end of the interval on the wrong side of the value.
    return Interval(p, np.clip(np.minimum(centre - half, p), 0, 1), np.clip(np.maximum(centre + half, p), 0, 1))


def difference(one: Rate, other: Rate, z: float) -> Interval:
    """`one` minus `other`, with Newcombe's interval from the two Wilson intervals.

    Source:
        Newcombe 1998, "Interval estimation for the difference between independent proportions", method 10.
    """
    a, b = wilson(one, z), wilson(other, z)
    value = a.value - b.value
    low = value - np.hypot(a.value - a.low, b.high - b.value)
    high = value + np.hypot(a.high - a.value, b.value - b.low)
    return Interval(value, np.maximum(low, -1), np.minimum(high, 1))


def log_ratio_error(one: Rate, other: Rate) -> Numbers:
    """Standard error of ln(p1/p0), delta method: sqrt(V1/p1^2 + V0/p0^2); a count of none counts as half a member."""
    return np.sqrt(_relative_variance(one) + _relative_variance(other))


def ratio(one: Rate, other: Rate, z: float) -> Interval:
    """`one` divided by `other` (the impact ratio of two selection rates): exp(ln r +- z sqrt(V1/p1^2 + V0/p0^2)).

    Source:
        Katz, Baptista, Azen, Pike 1978, "Obtaining confidence intervals for the risk ratio", Biometrics 34, method C;
        the noise enters through V.
    """
    value = _floored(one).value / _floored(other).value
    middle, reach = np.log(value), np.minimum(z * log_ratio_error(one, other), 300.0)
    # Rounding must not put an end of the interval on the wrong side of the value.
    return Interval(value, np.minimum(np.exp(middle - reach), value), np.maximum(np.exp(middle + reach), value))


def two_sided_p(value: Numbers, error: Numbers) -> Numbers:
    """p-value of "the true value is 0" for a normal estimate; 1 where the error is infinite or both are 0."""
    value, error = np.asarray(value, dtype=float), np.asarray(error, dtype=float)
    apart = np.divide(np.abs(value), error, out=np.where(value != 0, np.inf, 0.0), where=error > 0)
    return np.asarray(2 * ndtr(-apart), dtype=float)


def holm(p_values: npt.ArrayLike) -> Numbers:
    """Holm's adjusted p-values, in the order given; reject where they are at most alpha.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6.
    """
    raw = np.asarray(p_values, dtype=float)
    order = np.argsort(raw, kind="stable")
    stepped = raw[order] * np.arange(len(raw), 0, -1)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return adjusted


def detectable_difference(one: Rate, other: Rate, *, alpha: float, tests: int, power: float) -> Numbers:
    """The smallest true difference of two rates whose interval would exclude 0 in `power` of audits like this one.

    (z_{1-alpha/2m} + z_power) sqrt(V1 + V0). Infinite where nobody was counted: no gap could have been seen.
    """
    return np.asarray((z_value(alpha, tests) + float(ndtri(power))) * np.sqrt(one.variance + other.variance))


def _floored(rate: Rate) -> Rate:
    """A rate whose yes is at least half a member, so that its logarithm exists."""
    return Rate(np.maximum(rate.yes, 0.5), np.maximum(rate.no, 0), rate.yes_cells, rate.no_cells, rate.noise_variance)


def _relative_variance(rate: Rate) -> Numbers:
    floored = _floored(rate)
    return np.asarray(floored.variance / floored.value**2)
