"""What may be said about privacy, generated from what ran.

Laws: every number in a sentence is rounded against us; every sentence says of whom it speaks and what it leaves out.
"Anonymous" and "safe" are words this module cannot say.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from scipy.special import ndtr

from privacy.accounting import epsilon_of_cost, mu_of_pure
from privacy.errors import MechanismError
from privacy.ledger import Budget
from privacy.quantities import Cost


class NoiseMode(StrEnum):
    """Who adds the noise, hence who must be trusted."""

    LOCAL = "local"
    """Each site adds all of the noise before anything leaves it."""
    SECURE_SUM = "secure-sum"
    """Each site adds a share, and only the masked total is seen."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The exact privacy sentence of one model, as data and in words.

    Attributes:
        epsilon: of this model's releases, at `delta`, rounded up.
        delta: of the ledger.
        mu: GDP parameter of the Gaussian part.
        epsilon_pure: the pure part.
        unit: what one "absent" replaces.
        adjacency: which two federations are compared.
        noise: who adds the noise.
        programme_epsilon: the ledger's bound over its whole life; this model is one part of it.
        protected_from: parties the claim holds against.
        not_protected_from: parties and facts it does not cover.
        sentences: all of this in words, in the order to print.
    """

    epsilon: float
    delta: float
    mu: float
    epsilon_pure: float
    unit: str
    adjacency: str
    noise: NoiseMode
    programme_epsilon: float
    protected_from: tuple[str, ...]
    not_protected_from: tuple[str, ...]
    sentences: tuple[str, ...]


UNIT = "one member: all her rows at all sites"
ADJACENCY = "zero-out: her rows replaced by 'absent'; site sizes and feature ranges are public constants"


def claim(
    spent: Iterable[Cost], *, budget: Budget, noise: NoiseMode, sites: int, colluders: int = 1, dropouts: int = 0
) -> Claim:
    """The claim of a model from the costs that its runs were charged.

    Args:
        spent: the charges of every run behind the model: training, held-out checks, audits.
        budget: the programme's ledger.
        noise: how noise was added.
        sites: how many sites took part.
        colluders: with a secure sum, how many sites may pool what they know, >= 1.
        dropouts: with a secure sum, how many sites may vanish.

    Raises:
        MechanismError: nothing was charged, so there is nothing to claim.
    """
    total = Cost.zero()
    for cost in spent:
        total += cost
    if total == Cost.zero():
        raise MechanismError("nothing was charged: a model without a charge has no claim")
    epsilon = epsilon_of_cost(total, budget.delta)
    match noise:
        case NoiseMode.LOCAL:
            protected = ("other sites", "the coordinator, even a malicious one", "whoever receives the model")
            how = "Each site added the full noise before anything left it."
        case NoiseMode.SECURE_SUM:
            protected = (
                f"the other sites, if at most {colluders} of {sites} collude",
                "the coordinator, if it follows the protocol",
                "whoever receives the model",
            )
            how = (
                f"Each of {sites} sites added a share of the noise, enough if at most {colluders} collude "
                f"and {dropouts} drop out; only masked totals left the sites."
            )
    not_protected = (
        "a site that holds her rows sees them",
        "whether she consented (is in a cohort) is outside the claim",
        "what is true of people like her can be learned without her",
    )
    spending = (
        f"It spent μ² = {up(total.mu**2, 4)} of Gaussian releases (exactly composed) and pure ε = "
        f"{up(total.epsilon_pure, 4)}; all releases of the programme together stay within "
        f"ε = {up(budget.epsilon, 3)} at the same δ."
    )
    bound = (
        "With or without the data of any one member, at all sites together, what this model reveals is the same up to "
        f"ε = {up(epsilon, 3)}, except with probability δ = {up(budget.delta, 3)}."
    )
    sentences = (
        bound,
        f"Two federations are compared that differ in all records of one member ({ADJACENCY}).",
        spending,
        how,
        f"Holds against: {'; '.join(protected)}.",
        f"Does not cover: {'; '.join(not_protected)}.",
    )
    return Claim(
        epsilon=epsilon,
        delta=budget.delta,
        mu=total.mu,
        epsilon_pure=total.epsilon_pure,
        unit=UNIT,
        adjacency=ADJACENCY,
        noise=noise,
        programme_epsilon=budget.epsilon,
        protected_from=protected,
        not_protected_from=not_protected,
        sentences=sentences,
    )


def best_guess(cost: Cost) -> int:
    """How often, in 100, the best possible guess whether her data was used is right; 50 is a coin. Rounded up.

    For Gaussian releases this is Φ(μ/2), exactly. Pure releases are counted as the Gaussian release that covers them,
    so that both together are still bounded.

    Source:
        Dong, Roth, Su 2022, "Gaussian Differential Privacy", Theorem 2.7 and Proposition 2.12.
    """
    mu = math.hypot(cost.mu, mu_of_pure(cost.epsilon_pure))
    return min(100, math.ceil(100 * float(ndtr(mu / 2)) - 1e-9))


def up(number: float, digits: int) -> str:
    """A number rounded up to so many significant digits: what is printed is never better than what is true."""
    if number == 0:
        return "0"
    exact = Decimal(repr(float(number)))
    return f"{exact.quantize(Decimal(1).scaleb(exact.adjusted() - digits + 1), rounding=ROUND_CEILING).normalize():f}"
