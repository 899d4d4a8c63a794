"""What a plan would cost before it is filed: in each account and over a year; and what would refuse it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from privacy.ledger import Balance
from privacy.quantities import Cost

WEEKLY, MONTHLY = 52, 12
BAND = 100


@dataclass(frozen=True)
class AccountOutlook:
    """One account, with and without the plan.

    Attributes:
        spent, asked: shares of the limit, 0 to 1 (asked may be above), of that part of it, noise or pure ε, which would
            be the fuller one after a run: shares of two different parts do not add up.
        share: of either part, the larger share that one run asks for.
        runs_left: how many runs of this plan still fit; None if it costs the account nothing.
        weeks, months: how long weekly or monthly runs can go on, at most a year: 52 weeks, 12 months.
    """

    account: str
    spent: Fraction
    asked: Fraction
    share: Fraction
    runs_left: int | None

    @property
    def after(self) -> Fraction:
        """The share that is spent after one run."""
        return self.spent + self.asked

    @property
    def fits(self) -> bool:
        """Does one run still fit?"""
        return self.runs_left is None or self.runs_left > 0

    @property
    def weeks(self) -> int:
        """How many weekly retrainings of a year fit."""
        return WEEKLY if self.runs_left is None else min(WEEKLY, self.runs_left)

    @property
    def months(self) -> int:
        """How many monthly retrainings of a year fit."""
        return MONTHLY if self.runs_left is None else min(MONTHLY, self.runs_left)


@dataclass(frozen=True)
class Outlook:
    """What is known of a plan before it is filed.

    Attributes:
        cohort: (from, to), a noisy band; None if it lies below the plan's minimum.
        refusals: what would be refused, and why; empty if nothing would.
    """

    cost: Cost
    accounts: tuple[AccountOutlook, ...]
    cohort: tuple[int, int] | None
    refusals: tuple[str, ...]

    @property
    def budget_share(self) -> Fraction:
        """The largest share of any account's limit that one run asks for."""
        return max((one.share for one in self.accounts), default=Fraction(1))


def share_of(cost: Cost, limit: Cost) -> Fraction:
    """The share of a limit: of its two parts the larger; above 1 where nothing of a part may be spent at all."""
    return max(_shares(cost, limit))


def outlook_of(account: str, balance: Balance, cost: Cost) -> AccountOutlook:
    """One account before and after."""
    limit = balance.budget.limit
    parts = zip(_shares(balance.spent, limit), _shares(cost, limit), strict=True)
    spent, asked = max(parts, key=sum)
    return AccountOutlook(account, spent, asked, share_of(cost, limit), balance.runs_left(cost))


def _shares(cost: Cost, limit: Cost) -> list[Fraction]:
    parts = [(cost.gaussian, limit.gaussian), (cost.pure, limit.pure)]
    return [Fraction(spent, most) if most else Fraction(2 if spent else 0) for spent, most in parts]


def band_of(count: int, *, minimum: int) -> tuple[int, int] | None:
    """A noisy count as a band of a hundred; None if it lies below the minimum."""
    if count < minimum:
        return None
    low = max(count // BAND * BAND, minimum)
    return low, max(count // BAND * BAND + BAND, low + 1)


def unused_scopes(asked: Mapping[str, Iterable[str]], used: Iterable[str]) -> tuple[str, ...]:
    """Scopes that are asked for although no column of the plan lies in them: nothing justifies those.

    Args:
        asked: scope -> the columns it covers.
        used: the columns of the plan.
    """
    columns = set(used)
    return tuple(scope for scope, covers in asked.items() if columns.isdisjoint(covers))
