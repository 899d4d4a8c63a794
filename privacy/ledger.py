"""What may still be spent, and the rule that refuses.

Laws (held by property tests and by the contract suite that every durable implementation runs):
    - `admit` is exact integer arithmetic: a charge is admitted only if both parts of the new total fit the limit.
    - No sequence of charges, in any order and from any number of processes, overspends an account.
    - A charge is all or nothing over the accounts it names, and idempotent by (account, id): the same charge again
      changes nothing, the same id with other content is refused.
    - Nothing is ever given back. A retry after a crash is a new charge with fresh noise.

Crash rule for whoever releases: charge committed and fsynced -> data touched -> output bytes and digest persisted in
an outbox -> released. A crash before the outbox leaves the charge and needs a new one; after it, the identical bytes
are sent again. A noise generator is never seeded, saved or restored.

The programme's account binds: it covers all sites and purposes, and is charged the most that any one member can incur
in a run. Accounts of (site, purpose) are sub-limits, never the claim.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Protocol, Self

from privacy.accounting import DELTA_FOR_LEFTOVERS, gaussian_limit
from privacy.errors import BudgetError, ChargeConflictError, LedgerError, OverBudgetError
from privacy.pricing import Overlap, Release, check_weights, cost_by_part, share_std, worst_member_cost
from privacy.quantities import Cost, exact, is_number, units_down

__all__ = [
    "PROGRAMME",
    "Accounts",
    "Balance",
    "Budget",
    "Charge",
    "Overlap",
    "Release",
    "admit",
    "check_weights",
    "cost_by_part",
    "delta_ceiling",
    "refuse_conflict",
    "releases_of",
    "share_std",
    "sub_limit",
    "total",
    "worst_member_cost",
]

PROGRAMME = "programme"


def sub_limit(site: str, purpose: str) -> str:
    """The name of the account that limits one purpose at one site."""
    return f"site/{site}/purpose/{purpose}"


def delta_ceiling(members: int) -> Fraction:
    """The largest δ that means anything for this many members: at most 1/(10·members) and 1e-5."""
    return min(Fraction(1, 10 * members), Fraction(1, 10**5))


@dataclass(frozen=True, slots=True)
class Budget:
    """What an account may spend over its whole life. Made by `create`, fixed for ever.

    Attributes:
        epsilon: ε of the claim, all releases together.
        delta: δ of the claim.
        epsilon_pure: the part of ε kept for pure-ε releases (counts, randomised response).
        members: how many members the ledger was created for.
        limit: the two integers that admission compares with.
    """

    epsilon: float
    delta: float
    epsilon_pure: float
    members: int
    limit: Cost

    @classmethod
    def create(cls, *, epsilon: float, delta: float, epsilon_pure: float = 0.0, members: int) -> Self:
        """Turn (ε, δ) into integer limits, rounded down.

        The Gaussian limit is B(ε - ε_pure, δ)², with a billionth of δ kept back for `discrete_bound`.

        Raises:
            BudgetError: δ is above 1/(10·members) or 1e-5, ε_pure is not within ε, or a number is out of range.
        """
        if type(members) is not int or members < 1:
            raise BudgetError("a ledger needs at least one member: members must be a whole number, 1 or more")
        for name, number in (("epsilon", epsilon), ("delta", delta), ("epsilon_pure", epsilon_pure)):
            if not is_number(number) or abs(number) > 100:
                raise BudgetError(f"{name} must be a number up to 100, not {number!r}")
        eps, pure, dlt = exact(epsilon), exact(epsilon_pure), exact(delta)
        if eps <= 0:
            raise BudgetError("epsilon must be above 0")
        if not 0 <= pure <= eps:
            raise BudgetError("epsilon_pure is a part of epsilon: choose it between 0 and epsilon")
        ceiling = delta_ceiling(members)
        if not Fraction(1, 10**30) <= dlt <= ceiling:
            raise BudgetError(
                f"delta {delta} is no promise for {members} members: choose it at or below {float(ceiling):.3g}"
            )
        gaussian = gaussian_limit(eps - pure, dlt * (1 - DELTA_FOR_LEFTOVERS))
        return cls(epsilon, delta, epsilon_pure, members, Cost(gaussian=gaussian, pure=units_down(pure)))


def admit(budget: Budget, spent: Cost, charge: Cost, *, account: str = "") -> Cost:
    """The new total if the charge fits.

    Returns:
        spent + charge.

    Raises:
        OverBudgetError: it does not fit; nothing changes.
    """
    total = spent + charge
    if not total.fits(budget.limit):
        raise OverBudgetError(requested=charge, left=spent.left_of(budget.limit), account=account)
    return total


@dataclass(frozen=True, slots=True)
class Charge:
    """One line of an account's history.

    Attributes:
        id: chosen by the caller, unique in the account; the same id never means two things.
        account: the account's name.
        run: the run that caused it.
        cost: what is spent.
        mechanisms: the releases as data (see `Release.to_data`), so that history can be re-priced.
        at: when it was decided, timezone-aware.
    """

    id: str
    account: str
    run: str
    cost: Cost
    mechanisms: tuple[Mapping[str, Any], ...]
    at: datetime

    def __post_init__(self) -> None:
        if not (self.id and self.account and self.run):
            raise LedgerError("a charge names itself, its account and its run: none may be empty")
        if self.at.tzinfo is None:
            raise LedgerError("a charge needs a moment with a time zone")

    @classmethod
    def of(
        cls,
        releases: Sequence[Release],
        *,
        id: str,  # noqa: A002 - the field's own name
        account: str,
        run: str,
        at: datetime,
        overlap: Overlap = Overlap.WEIGHTED,
        sites_per_member: int = 1,
    ) -> Self:
        """The charge for a run, priced for its worst member."""
        price = worst_member_cost(releases, overlap=overlap, sites_per_member=sites_per_member)
        return cls(id, account, run, price, tuple(release.to_data() for release in releases), at)

    def same_as(self, other: "Charge") -> bool:
        """Is this the same charge asked again? The moment of asking does not count."""
        return (self.id, self.account, self.run, self.cost, [*self.mechanisms]) == (
            other.id,
            other.account,
            other.run,
            other.cost,
            [*other.mechanisms],
        )


@dataclass(frozen=True, slots=True)
class Balance:
    """Where an account stands."""

    budget: Budget
    spent: Cost

    @property
    def left(self) -> Cost:
        """What can still be paid."""
        return self.spent.left_of(self.budget.limit)

    def runs_left(self, price: Cost) -> int | None:
        """How many more runs of this price fit; None if they cost nothing."""
        counts = [
            left // each for left, each in ((self.left.gaussian, price.gaussian), (self.left.pure, price.pure)) if each
        ]
        return min(counts, default=None)


class Accounts(Protocol):
    """Accounts that survive a crash. `tests/contracts/accounts_contract.py` is what an implementation must pass."""

    def open(self, account: str, budget: Budget) -> None:
        """Open an account; again with the same budget changes nothing.

        Raises:
            AccountConflictError: it is open with another budget.
        """

    def charge(self, *charges: Charge) -> None:
        """Spend all of these or none; on return they are durable. Charges already made count once.

        Raises:
            UnknownAccountError: an account was never opened.
            ChargeConflictError: an id exists in its account with other content.
            OverBudgetError: one does not fit.
        """

    def balance(self, account: str) -> Balance:
        """Budget and what was spent.

        Raises:
            UnknownAccountError: it was never opened.
        """

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission.

        Raises:
            UnknownAccountError: it was never opened.
        """


def refuse_conflict(existing: Charge, asked: Charge) -> None:
    """Let the same charge pass again, refuse another one under its id.

    Raises:
        ChargeConflictError: the contents differ.
    """
    if not existing.same_as(asked):
        raise ChargeConflictError(asked.id, asked.account)


def total(history: Iterable[Charge]) -> Cost:
    """What a history spent: must equal the stored balance."""
    spent = Cost.zero()
    for charge in history:
        spent += charge.cost
    return spent


def releases_of(history: Iterable[Charge]) -> list[Release]:
    """The releases behind a history, for re-pricing and certificates; an unknown mechanism is refused."""
    return [Release.from_data(data) for charge in history for data in charge.mechanisms]
