"""From μ to (ε, δ) and back, and the accountant that the ledger decides by.

Laws: `gaussian_limit` is the largest number of units of Σμ² whose exact δ at ε stays within δ, found with 50 digits,
so nothing is gained by rounding. `ExactGdp` composes Gaussian releases exactly (their μ² add) and pure releases by
adding ε. The other accountant, for certificates, is `certificate.PldCertificate`; one test suite holds both.

RDP (loose), PRV (slow) and Opacus' GDP accountant (understates) are not used.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from scipy.special import log_ndtr, ndtri

from privacy.errors import BudgetError
from privacy.mechanism import Mechanism, cost
from privacy.precision import precise
from privacy.quantities import UNITS_PER_ONE, Cost, exact

DELTA_FOR_LEFTOVERS = Fraction(1, 10**9)
"""The share of δ that pays for the total-variation leftovers of integer noise (see `discrete_bound`)."""

_BITS = 169  # 50 digits


def delta_of_mu(mu: float, epsilon: float) -> float:
    """The smallest δ for which a μ-GDP release is (ε, δ)-DP.

    Args:
        mu: GDP parameter, >= 0.
        epsilon: >= 0.

    Source:
        Balle, Wang 2018, "Improving the Gaussian Mechanism for Differential Privacy", Theorem 8.
    """
    if mu <= 0:
        return 0.0
    first = float(log_ndtr(mu / 2 - epsilon / mu))
    second = epsilon + float(log_ndtr(-mu / 2 - epsilon / mu))
    return math.exp(first) * -math.expm1(second - first) if second < first else 0.0


def epsilon_of_mu(mu: float, delta: float) -> float:
    """The smallest ε for which a μ-GDP release is (ε, δ)-DP, to about 1e-12 from above; 0 if δ alone covers it.

    Args:
        mu: GDP parameter, >= 0.
        delta: in (0, 1).
    """
    if not 0 < delta < 1:
        raise BudgetError(f"delta must lie between 0 and 1, not {delta}")
    if delta_of_mu(mu, 0.0) <= delta:
        return 0.0
    low, high = 0.0, 1.0
    while delta_of_mu(mu, high) > delta:
        low, high = high, 2 * high
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (low, middle) if delta_of_mu(mu, middle) <= delta else (middle, high)
    return high * (1 + 1e-12)


@lru_cache(maxsize=4096)
def gaussian_limit(epsilon: Fraction, delta: Fraction) -> int:
    """B(ε, δ)² in units of 10**-12, rounded down: the most Σμ² that is (ε, δ)-DP.

    Args:
        epsilon: >= 0.
        delta: in (0, 1).
    """
    if epsilon < 0 or not 0 < delta < 1:
        raise BudgetError("a budget needs epsilon of 0 or more and delta between 0 and 1")
    with precise(_BITS) as mp:
        eps = mp.mpf(epsilon.numerator) / epsilon.denominator
        allowed = mp.mpf(delta.numerator) / delta.denominator

        def within(units: int) -> bool:
            mu = mp.sqrt(mp.mpf(units) / UNITS_PER_ONE)
            spent = mp.ncdf(mu / 2 - eps / mu) - mp.exp(eps) * mp.ncdf(-mu / 2 - eps / mu)
            return bool(spent <= allowed)

        low, high = 0, UNITS_PER_ONE
        while within(high):
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if within(middle) else (low, middle)
    return low


def gdp_mu(epsilon: float, delta: float) -> float:
    """B(ε, δ): the largest μ that is (ε, δ)-DP, rounded down.

    At δ = 1e-5: ε = 1, 2, 4, 8 give .268, .502, .925, 1.666.
    """
    units = gaussian_limit(exact(epsilon), exact(delta))
    return math.nextafter(math.sqrt(units / UNITS_PER_ONE), 0.0)


def epsilon_of_cost(cost: Cost, delta: float) -> float:
    """The ε that a cost comes to at δ: exact for the Gaussian part, plus the pure part."""
    return cost.epsilon_pure + (epsilon_of_mu(math.nextafter(cost.mu, math.inf), delta) if cost.gaussian else 0.0)


def mu_of_pure(epsilon: float) -> float:
    """A μ such that every ε-DP release is μ-GDP: -2·Φ⁻¹(1/(1+e^ε)).

    This is what pure releases would cost in Σμ² (1.51 for ε = 1: why they have their own account), and how a best
    guess against both kinds together is bounded.

    Source:
        Dong, Roth, Su 2022, "Gaussian Differential Privacy", Proposition 2.12 and section 2.3.
    """
    return -2 * float(ndtri(1 / (1 + math.exp(epsilon)))) if epsilon > 0 else 0.0


Releases = Iterable[tuple[Mechanism, int]]
"""Mechanisms and how often each ran on the same members."""


class Accountant(Protocol):
    """Says what a history of releases comes to."""

    def epsilon(self, releases: Releases, *, delta: float) -> float:
        """An ε such that all releases together are (ε, δ)-DP."""

    def delta(self, releases: Releases, *, epsilon: float) -> float:
        """A δ such that all releases together are (ε, δ)-DP."""


@dataclass(frozen=True, slots=True)
class ExactGdp:
    """Gaussian releases composed exactly; pure releases added. What the ledger decides by."""

    def epsilon(self, releases: Releases, *, delta: float) -> float:
        """ε of the Gaussian part at δ, plus the pure ε."""
        return epsilon_of_cost(_total(releases), delta)

    def delta(self, releases: Releases, *, epsilon: float) -> float:
        """δ of the Gaussian part at what the pure part leaves of ε (1 if it leaves nothing)."""
        total = _total(releases)
        if total.epsilon_pure > epsilon:
            return 1.0
        return delta_of_mu(math.nextafter(total.mu, math.inf), epsilon - total.epsilon_pure) if total.gaussian else 0.0


def _total(releases: Releases) -> Cost:
    total = Cost.zero()
    for mechanism, times in releases:
        total += cost(mechanism, times)
    return total
