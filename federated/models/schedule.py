"""How many rounds and how large a step, from public numbers only.

With mu the GDP parameter of the whole training, n the members and K the sites that each add their own noise, the sum
of all steps can move a weight by about tau before noise of size tau·sqrt(K)·bound/(n·mu) drowns it. Tuned on public
data sets, uncharged: nothing here has seen a row of the programme.
"""

import math
from dataclasses import dataclass

MOMENTUM = 0.9
FEWEST_ROUNDS = 30
MOST_ROUNDS = 100
MEMBERS_TIMES_MU_PER_ROUND = 16
LONGEST_PATH = 1000.0
PATH_PER_SIGNAL = 0.4


@dataclass(frozen=True)
class Steps:
    """A training path.

    Attributes:
        rounds: T.
        rate: step size of gradient descent with momentum.
        averaged: the model is the mean of this many last iterates.
    """

    rounds: int
    rate: float
    averaged: int


def rounds_for(*, members: int, mu: float) -> int:
    """How many rounds pay: few where n·mu is small, about 100 where it is large."""
    return round(min(max(members * mu / MEMBERS_TIMES_MU_PER_ROUND, FEWEST_ROUNDS), MOST_ROUNDS))


def steps(*, rounds: int, members: int, bound: float, std: float, sites: int) -> Steps:
    """The path for this much noise.

    Args:
        rounds: T, as the plan says.
        members: n, the public denominator.
        bound: L2 sensitivity of one member in one round.
        std: noise of one site in one round.
        sites: K, how many add their own noise.
    """
    mu = bound * math.sqrt(rounds) / std
    path = min(PATH_PER_SIGNAL * members * mu / (bound * math.sqrt(sites)), LONGEST_PATH)
    return Steps(rounds=rounds, rate=path * (1 - MOMENTUM) / rounds, averaged=max(rounds // 2, 1))
