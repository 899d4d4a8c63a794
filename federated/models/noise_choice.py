"""How much noise a training needs for its price, by the ledger's own integers."""

import math

from privacy.ledger import Budget
from privacy.mechanism import Gaussian
from privacy.quantities import exact


def gaussian_for(*, bound: float, times: int, epsilon: float, delta: float) -> Gaussian:
    """The least noise with which `times` releases together fit (epsilon, delta), by the ledger's own integers.

    Args:
        bound: L2 sensitivity of one release.
        times: how many, >= 1.
        epsilon: of all of them.
        delta: of the ledger.
    """
    limit = Budget.create(epsilon=epsilon, delta=delta, members=1).limit.gaussian
    std = bound * math.sqrt(times * 10**12 / limit)
    while times * (exact(bound) / exact(std)) ** 2 * 10**12 > limit:
        std = math.nextafter(std, math.inf)
    return Gaussian(sensitivity=bound, std=std)
