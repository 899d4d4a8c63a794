"""How far a site goes with one partner in randomised exchanges; where it says nothing, it takes part in none."""

import math
from dataclasses import dataclass

from federated.errors import MalformedError, Refusal, RefusedError
from federated.plan import Plan
from federated.plan_exchange import Helper, numbers_of


@dataclass(frozen=True)
class ExchangeLimit:
    """A site's own limit towards one partner.

    Attributes:
        epsilon_label: the highest of one label, > 0.
        epsilon_bin: the highest of one answer, > 0.
        runs: in a quarter, for each purpose; every further one lets a partner test one more guess.

    Raises:
        MalformedError: a number outside its range.
    """

    epsilon_label: float
    epsilon_bin: float
    runs: int

    def __post_init__(self) -> None:
        numbers = (self.epsilon_label, self.epsilon_bin)
        if not all(math.isfinite(one) and one > 0 for one in numbers) or self.runs < 1:
            raise MalformedError("exchanges has two epsilon above 0, and 1 run or more")


def check_partner(limit: ExchangeLimit | None, plan: Plan, helper: Helper, *, partner: str) -> None:
    """Refuse an exchange with a partner, or with so little noise, that this site's rules do not allow it.

    Args:
        limit: this site's towards the partner; None refuses.
        plan: with the exchange.
        helper: of the plan.
        partner: who is at the other end, as this site sees it.

    Raises:
        RefusedError: `policy`.
    """
    if limit is None:
        raise RefusedError(Refusal.POLICY, f"an exchange with {partner} is not allowed here; ask the site")
    if plan.package:  # nothing crosses: the site reads what it was told before
        return
    numbers = numbers_of(plan.releases, helper)
    if numbers.epsilon_label > limit.epsilon_label or numbers.epsilon_bin > limit.epsilon_bin:
        raise RefusedError(Refusal.POLICY, f"an exchange with {partner} needs more noise here; lower its epsilon")
