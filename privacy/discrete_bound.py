"""Why integer noise may be charged as μ-GDP: a proof, and the numbers it needs.

One share. Let X be discrete Gaussian with parameter σ and g(t) = Φ⁻¹(P(X >= t)). X is log-concave, so the optimal
tests between X and X+1 are thresholds; their power at level P(X >= t) is P(X >= t-1). Hence X versus X+1 is r-GDP with
r = max_t g(t-1) - g(t): between two thresholds the power curve is a chord, and the Gaussian curve is concave. A shift
by D telescopes to D·r, independent coordinates compose (μ² adds), so a vector shifted by v is (|v|₂·r)-GDP.
Thresholds beyond 30σ are left out: they carry less than 1e-196 of the mass.

Several shares. A sum of m independent discrete Gaussians has, at every point, the probability of one discrete
Gaussian of variance m·σ² up to a factor e^{±τ} per coordinate, τ <= 10·Σ_{k<m} exp(-2π²σ²·k/(k+1)).

Both leftovers are total-variation distances. A mechanism is refused unless its leftover is below 1e-100; a ledger
gives a billionth of its δ for all of them together (`accounting.DELTA_FOR_LEFTOVERS`), which no ledger can use up:
1e14 releases, each weighted by 1 + e^ε with ε <= 100, come to 1e-42.

Source:
    Dong, Roth, Su 2022, "Gaussian Differential Privacy", Proposition 2.4 and Theorem 3.2 (composition);
    Kairouz, Liu, Steinke 2021, "The Distributed Discrete Gaussian Mechanism for Federated Learning with Secure
    Aggregation", Theorem 9.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import ndtri_exp

LEFTOVER = 1e-100
_TAIL = 30.0
_COMPUTED = 64.0


def negligible_mixture(share_std: float, *, shares: int, coordinates: int) -> bool:
    """Is a sum of `shares` discrete Gaussians as good as one, up to 1e-100?

    Args:
        share_std: σ of one share, in grid steps.
        shares: how many are added.
        coordinates: length of the vector.
    """
    if share_std < 1:
        return False
    # The k = 1 term is the largest; m - 1 of them bound the sum.
    return math.log(10 * shares * coordinates) - math.pi**2 * share_std**2 < math.log(LEFTOVER)


@lru_cache(maxsize=256)
def gdp_rate(std: float) -> float:
    """The GDP parameter of a shift by one grid step under a discrete Gaussian with parameter `std` (in grid steps).

    Up to std = 64 every threshold is computed. Above, the excess over 1/std, which is 1/(24·std³) to leading order,
    is charged twice over; tests compare that with 60-digit arithmetic up to std = 4,096.

    Returns:
        A number just above 1/std: 1.0107/std at std = 2, 1.00004/std at std = 32.
    """
    if std > _COMPUTED:
        return (1 + 1 / (12 * std**2)) / std
    last = math.ceil(_TAIL * std)
    points = np.arange(0, last + math.ceil(50 * std**2 / last) + 64, dtype=np.float64)
    logs = -(points**2) / (2 * std**2)
    tails = np.logaddexp.accumulate(logs[::-1])[::-1]
    total = np.logaddexp(tails[0], tails[1])
    # By symmetry g(1 - t) = -g(t), so the steps between thresholds 0, 1, 2, ... are all there are.
    quantiles = ndtri_exp(tails[: last + 1] - total)
    return float((quantiles[:-1] - quantiles[1:]).max()) * (1 + 1e-9)
