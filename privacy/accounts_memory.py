"""Accounts in memory: for tests, notebooks and dry runs. Nothing here survives the process."""

from threading import Lock

from privacy.errors import AccountConflictError, UnknownAccountError
from privacy.ledger import Accounts, Balance, Budget, Charge, admit, refuse_conflict
from privacy.quantities import Cost


class MemoryAccounts(Accounts):
    """The reference behaviour of `Accounts`, guarded by one lock."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._budgets: dict[str, Budget] = {}
        self._spent: dict[str, Cost] = {}
        self._charges: dict[str, dict[str, Charge]] = {}

    def open(self, account: str, budget: Budget) -> None:
        """Open an account; again with the same budget changes nothing."""
        with self._lock:
            if self._budgets.setdefault(account, budget) != budget:
                raise AccountConflictError(account)
            self._spent.setdefault(account, Cost.zero())
            self._charges.setdefault(account, {})

    def charge(self, *charges: Charge) -> None:
        """Spend all of these or none."""
        with self._lock:
            spent: dict[str, Cost] = {}
            new: list[Charge] = []
            for charge in charges:
                self._known(charge.account)
                existing = next(
                    (made for made in new if (made.account, made.id) == (charge.account, charge.id)),
                    self._charges[charge.account].get(charge.id),
                )
                if existing is not None:
                    refuse_conflict(existing, charge)
                    continue
                before = spent.get(charge.account, self._spent[charge.account])
                spent[charge.account] = admit(
                    self._budgets[charge.account], before, charge.cost, account=charge.account
                )
                new.append(charge)
            self._spent.update(spent)
            for charge in new:
                self._charges[charge.account][charge.id] = charge

    def balance(self, account: str) -> Balance:
        """Budget and what was spent."""
        with self._lock:
            self._known(account)
            return Balance(budget=self._budgets[account], spent=self._spent[account])

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission."""
        with self._lock:
            self._known(account)
            return tuple(self._charges[account].values())

    def _known(self, account: str) -> None:
        if account not in self._budgets:
            raise UnknownAccountError(account)
