"""How many rounds, which step and which clip: chosen from public numbers, so that choosing costs nothing.

A value tuned on private data is a release. These rules look only at the public member count (or its band), at the GDP
budget, at how many sites add their own noise and at the largest norm a row can have by its public ranges. Their
constants were tuned on public data sets (telco churn, credit, journey), uncharged, and are the same for every
programme.

    bound   half of the largest possible row norm: tight clipping is the largest gain at small ε
    rounds  n·μ/16 between 30 and 100: at small n more steps only add noise
    path    τ = min(.5·n·μ/(bound·√noises), 1000): beyond it, noise has moved the weights further than data has
    rate    τ·(1 - momentum)/rounds; the released model is the mean of the last half of the iterates
"""

import math
from dataclasses import dataclass

from privacy.errors import MechanismError
from privacy.mechanism import Gaussian

MOMENTUM = 0.9
CLIP_PER_NORM = 0.5
FEWEST_ROUNDS, MOST_ROUNDS = 30, 100
SIGNAL_PER_ROUND = 16
PATH_PER_SIGNAL, LONGEST_PATH = 0.5, 1000.0


@dataclass(frozen=True, slots=True)
class Steps:
    """A full-batch training path.

    Attributes:
        rounds: T.
        rate: step size of gradient descent with momentum, for the mean gradient.
        momentum: of the velocity.
        averaged: the model is the mean of this many last iterates.
    """

    rounds: int
    rate: float
    momentum: float
    averaged: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A path, and the release that each of its rounds is.

    Attributes:
        release: one round at one place that adds noise; all rounds together cost μ².
        steps: the path.
    """

    release: Gaussian
    steps: Steps


def band(members: int) -> int:
    """The member count rounded down to 1, 2 or 5 times a power of ten: what may be public about it.

    Raises:
        MechanismError: there is no member.
    """
    if members < 1:
        raise MechanismError("a training needs at least one member")
    power = int("1" + "0" * (len(str(members)) - 1))
    return power * (5 if members >= 5 * power else 2 if members >= 2 * power else 1)


def rounds_for(*, members: int, mu: float) -> int:
    """How many rounds pay: few where n·μ is small, a hundred where it is large."""
    return round(min(max(members * mu / SIGNAL_PER_ROUND, FEWEST_ROUNDS), MOST_ROUNDS))


def steps_for(*, rounds: int, members: int, bound: float, std: float, noises: int) -> Steps:
    """The path for this much noise.

    Args:
        rounds: T, >= 1.
        members: n, the public denominator.
        bound: L2 sensitivity of one member in one round.
        std: noise of one release.
        noises: how many noises of this size end up in each sum: the sites with local noise, K/(K - k - d) rounded up
            with a secure sum, 1 in one place.
    """
    signal = members * bound * math.sqrt(rounds) / std
    path = min(PATH_PER_SIGNAL * signal / (bound * math.sqrt(noises)), LONGEST_PATH)
    return Steps(rounds=rounds, rate=path * (1 - MOMENTUM) / rounds, momentum=MOMENTUM, averaged=max(rounds // 2, 1))


def choose(*, members: int, mu: float, largest_norm: float, noises: int = 1) -> Choice:
    """Rounds, step, clip and noise for a full-batch logistic training.

    Args:
        members: how many train, at least roughly; only its band is used.
        mu: GDP parameter that the whole training may spend, > 0.
        largest_norm: the largest L2 norm a row can have by its public ranges, > 0.
        noises: as in `steps_for`.
    """
    if not (mu > 0 and largest_norm > 0 and noises >= 1):
        raise MechanismError("a training needs mu and largest_norm above 0, and at least one noise")
    public = band(members)
    bound, rounds = CLIP_PER_NORM * largest_norm, rounds_for(members=public, mu=mu)
    release = Gaussian(sensitivity=bound, std=bound * math.sqrt(rounds) / mu)
    steps = steps_for(rounds=rounds, members=public, bound=bound, std=release.std, noises=noises)
    return Choice(release=release, steps=steps)
