"""Law: every implementation of `privacy.ledger.Accounts` decides alike, loses nothing and never overspends.

How to run it: in a test module, subclass `AccountsContract` (and `DurableAccountsContract` if it survives a process)
and provide the fixture `connect`: a zero-argument callable that opens the same fresh, empty store each time it is
called. For the durable suite it must be picklable (a `functools.partial` of something importable), because other
processes call it too.

    class TestSiteStore(DurableAccountsContract):
        @pytest.fixture
        def connect(self, tmp_path):
            return partial(open_site_accounts, tmp_path / "site.sqlite")
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest

from privacy.errors import (
    AccountConflictError,
    ChargeConflictError,
    OverBudgetError,
    UnknownAccountError,
)
from privacy.ledger import PROGRAMME, Accounts, Budget, Charge, Release, sub_limit, total
from privacy.mechanism import DiscreteLaplace, Gaussian
from privacy.quantities import Cost
from tests.contracts.accounts_worker import said, worker

AT = datetime(2026, 1, 5, 9, 30, tzinfo=UTC)
BUDGET = Budget.create(epsilon=2, delta=1e-5, epsilon_pure=0.5, members=5_000)
SMALL = Budget.create(epsilon=1, delta=1e-5, epsilon_pure=0.25, members=5_000)
SALES = sub_limit("sales", "churn")
RELEASES = (Release(Gaussian(1.0, 400.0), times=100), Release(DiscreteLaplace(1, 0.01), part="held-out"))

Connect = Callable[[], Accounts]


def charge_of(name: str, cost: Cost, *, account: str = PROGRAMME, run: str = "run-1") -> Charge:
    return Charge(name, account, run, cost, tuple(release.to_data() for release in RELEASES), AT)


class AccountsContract:
    """What any implementation must do, durable or not."""

    @pytest.fixture
    def accounts(self, connect: Connect) -> Accounts:
        accounts = connect()
        accounts.open(PROGRAMME, BUDGET)
        accounts.open(SALES, SMALL)
        return accounts

    def test_a_new_account_has_spent_nothing(self, accounts: Accounts) -> None:
        balance = accounts.balance(PROGRAMME)
        assert (balance.budget, balance.spent, balance.left) == (BUDGET, Cost.zero(), BUDGET.limit)
        assert accounts.history(PROGRAMME) == ()

    def test_a_charge_is_spent_and_remembered_exactly(self, accounts: Accounts) -> None:
        charge = Charge.of(RELEASES, id="c1", account=PROGRAMME, run="run-1", at=AT)
        accounts.charge(charge)
        assert accounts.balance(PROGRAMME).spent == charge.cost
        assert accounts.history(PROGRAMME) == (charge,)
        assert [Release.from_data(data) for data in accounts.history(PROGRAMME)[0].mechanisms] == [*RELEASES]

    def test_exactly_the_limit_fits_and_one_unit_more_does_not(self, accounts: Accounts) -> None:
        accounts.charge(charge_of("all", BUDGET.limit))
        for name, extra in (("g", Cost(1, 0)), ("p", Cost(0, 1))):
            with pytest.raises(OverBudgetError) as refused:
                accounts.charge(charge_of(name, extra))
            assert (refused.value.requested, refused.value.left) == (extra, Cost.zero())
            assert refused.value.account == PROGRAMME
        assert accounts.balance(PROGRAMME).spent == BUDGET.limit

    @pytest.mark.parametrize("over", [Cost(BUDGET.limit.gaussian + 1, 0), Cost(0, BUDGET.limit.pure + 1)])
    def test_either_part_alone_refuses(self, accounts: Accounts, over: Cost) -> None:
        with pytest.raises(OverBudgetError):
            accounts.charge(charge_of("c1", over))
        assert accounts.balance(PROGRAMME).spent == Cost.zero()
        assert accounts.history(PROGRAMME) == ()

    def test_the_same_charge_again_counts_once(self, accounts: Accounts) -> None:
        charge = charge_of("c1", Cost(10, 20))
        accounts.charge(charge)
        accounts.charge(replace(charge, at=AT + timedelta(hours=1)))
        accounts.charge(charge, charge)
        assert accounts.history(PROGRAMME) == (charge,)
        assert accounts.balance(PROGRAMME).spent == Cost(10, 20)

    def test_the_same_charge_again_passes_even_when_nothing_is_left(self, accounts: Accounts) -> None:
        charge = charge_of("c1", BUDGET.limit)
        accounts.charge(charge)
        accounts.charge(charge)
        assert accounts.balance(PROGRAMME).left == Cost.zero()

    @pytest.mark.parametrize(
        "other",
        [
            {"cost": Cost(10, 21)},
            {"run": "run-2"},
            {"mechanisms": ()},
        ],
    )
    def test_the_same_id_with_other_content_is_refused(self, accounts: Accounts, other: dict[str, object]) -> None:
        charge = charge_of("c1", Cost(10, 20))
        accounts.charge(charge)
        with pytest.raises(ChargeConflictError):
            accounts.charge(replace(charge, **other))  # type: ignore[arg-type]  # fields by name
        assert accounts.history(PROGRAMME) == (charge,)

    def test_one_id_may_be_used_in_two_accounts(self, accounts: Accounts) -> None:
        accounts.charge(charge_of("run-1", Cost(5, 5)), charge_of("run-1", Cost(3, 3), account=SALES))
        assert accounts.balance(PROGRAMME).spent == Cost(5, 5)
        assert accounts.balance(SALES).spent == Cost(3, 3)

    def test_several_charges_are_all_made_or_none(self, accounts: Accounts) -> None:
        fits_only_the_programme = SMALL.limit + Cost(1, 0)
        with pytest.raises(OverBudgetError) as refused:
            accounts.charge(
                charge_of("run-1", fits_only_the_programme), charge_of("run-1", fits_only_the_programme, account=SALES)
            )
        assert refused.value.account == SALES
        assert accounts.balance(PROGRAMME).spent == Cost.zero()
        assert accounts.history(PROGRAMME) == ()

    def test_charges_made_together_add_up_before_they_are_compared(self, accounts: Accounts) -> None:
        half = Cost(BUDGET.limit.gaussian // 2 + 1, 0)
        with pytest.raises(OverBudgetError):
            accounts.charge(charge_of("a", half), charge_of("b", half))
        assert accounts.history(PROGRAMME) == ()

    def test_history_keeps_the_order_of_admission(self, accounts: Accounts) -> None:
        made = [charge_of(name, Cost(1, 1)) for name in ("z", "a", "m", "b")]
        for charge in made:
            accounts.charge(charge)
        assert accounts.history(PROGRAMME) == tuple(made)

    def test_history_adds_up_to_the_balance(self, accounts: Accounts) -> None:
        for n in range(12):
            accounts.charge(charge_of(f"c{n}", Cost(n * 7 + 1, n)))
        assert total(accounts.history(PROGRAMME)) == accounts.balance(PROGRAMME).spent

    def test_opening_again_with_the_same_budget_changes_nothing(self, accounts: Accounts) -> None:
        accounts.charge(charge_of("c1", Cost(10, 20)))
        accounts.open(PROGRAMME, BUDGET)
        assert accounts.balance(PROGRAMME).spent == Cost(10, 20)

    def test_a_budget_never_changes(self, accounts: Accounts) -> None:
        with pytest.raises(AccountConflictError):
            accounts.open(PROGRAMME, Budget.create(epsilon=4, delta=1e-5, epsilon_pure=0.5, members=5_000))
        assert accounts.balance(PROGRAMME).budget == BUDGET

    def test_an_account_that_was_never_opened_cannot_be_used(self, accounts: Accounts) -> None:
        with pytest.raises(UnknownAccountError):
            accounts.charge(charge_of("c1", Cost(1, 0)), charge_of("c1", Cost(1, 0), account="nobody"))
        with pytest.raises(UnknownAccountError):
            accounts.balance("nobody")
        with pytest.raises(UnknownAccountError):
            accounts.history("nobody")
        assert accounts.history(PROGRAMME) == ()


class DurableAccountsContract(AccountsContract):
    """What an implementation must also do if its charges survive the process that made them."""

    def test_charges_are_there_when_the_store_is_opened_again(self, accounts: Accounts, connect: Connect) -> None:
        charge = charge_of("c1", Cost(10, 20))
        accounts.charge(charge)
        again = connect()
        assert again.history(PROGRAMME) == (charge,)
        assert again.balance(PROGRAMME).spent == charge.cost

    def test_processes_that_race_for_the_last_units_never_overspend(self, accounts: Accounts, connect: Connect) -> None:
        processes, each = 3, 25
        fits = processes * each // 2
        price = Cost(BUDGET.limit.gaussian // fits, 0)
        fits = BUDGET.limit.gaussian // price.gaussian
        admitted = _race(connect, processes=processes, each=each, price=price)
        assert len(admitted) == fits
        history = accounts.history(PROGRAMME)
        assert {charge.id for charge in history} == set(admitted)
        assert total(history) == accounts.balance(PROGRAMME).spent
        assert accounts.balance(PROGRAMME).spent.fits(BUDGET.limit)

    def test_the_same_charge_from_several_processes_counts_once(self, accounts: Accounts, connect: Connect) -> None:
        _race(connect, processes=3, each=5, price=Cost(7, 0), shared_ids=True)
        assert accounts.balance(PROGRAMME).spent == Cost(7, 0).times(5)

    @pytest.mark.fault
    def test_kill_9_loses_no_acknowledged_charge(self, accounts: Accounts, connect: Connect) -> None:
        acknowledged: list[str] = []
        for attempt in range(3):
            with worker(connect, charge_of("each", Cost(3, 1)), prefix=f"k{attempt}", many=None) as (process, pipe):
                pipe.send_bytes(b"go")
                acknowledged += islice(said(pipe), 10 + attempt)
                time.sleep(0.003 * attempt)
                process.kill()
                acknowledged += said(pipe)
        after = connect()
        history = after.history(PROGRAMME)
        assert set(acknowledged) <= {charge.id for charge in history}
        assert total(history) == after.balance(PROGRAMME).spent
        assert len(history) <= len(acknowledged) + 3
        after.charge(charge_of("after", Cost(1, 0)))


def _race(connect: Connect, *, processes: int, each: int, price: Cost, shared_ids: bool = False) -> list[str]:
    """Charge from several processes at once; returns the ids that were admitted."""
    with ExitStack() as stack:
        pipes = []
        for n in range(processes):
            made = worker(connect, charge_of("each", price), prefix="s" if shared_ids else f"p{n}", many=each)
            pipes.append(stack.enter_context(made)[1])
        for pipe in pipes:
            pipe.send_bytes(b"go")
        return [name for pipe in pipes for name in said(pipe)]
