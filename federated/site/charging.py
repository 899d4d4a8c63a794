"""What a run costs this site's members, charged to the site's own ledger before a row is touched."""

from datetime import UTC, datetime

from federated.errors import Refusal, RefusedError
from federated.plan import Plan
from federated.price import ledger_releases
from federated.site.policy import Policy
from privacy.errors import LedgerError, OverBudgetError
from privacy.ledger import Accounts, Charge


def charge_run(accounts: Accounts, policy: Policy, plan: Plan, *, run: str, at: datetime) -> None:
    """Charge one run to the account of the calendar year (UTC); the same run again changes nothing.

    Args:
        accounts: the site's ledger.
        policy: its limits.
        plan: what will be run; priced for the worst it allows.
        run: the run's identifier.
        at: now.

    Raises:
        RefusedError: `over-budget`, or `policy` if ledger and policy disagree.
    """
    account = f"year/{at.astimezone(UTC).year}"
    charge = Charge.of(ledger_releases(plan), id=run, account=account, run=run, at=at)
    try:
        accounts.open(account, policy.year_budget)
        accounts.charge(charge)
    except OverBudgetError as error:
        raise RefusedError(Refusal.OVER_BUDGET, "this site's own budget of the year is spent") from error
    except LedgerError as error:
        raise RefusedError(Refusal.POLICY, "this site's ledger and its policy disagree; ask the site") from error
