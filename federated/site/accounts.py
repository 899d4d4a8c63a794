"""The site's own copy of what was spent on its members: accounts in the site's database.

The hub's ledger binds the programme; this one binds the hub. A site whose own account is spent refuses, whatever the
hub says.
"""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Self

from federated.site.store import SiteStore
from privacy.errors import AccountConflictError, LedgerError, UnknownAccountError
from privacy.ledger import Accounts, Balance, Budget, Charge, admit, refuse_conflict
from privacy.quantities import Cost

_SPEND = """
INSERT INTO charges (id, account, run, gaussian, pure, mechanisms, at)
SELECT :id, name, :run, :gaussian, :pure, :mechanisms, :at FROM accounts
WHERE name = :account AND gaussian + :gaussian <= json_extract(budget, '$.limit.gaussian')
    AND pure + :pure <= json_extract(budget, '$.limit.pure')
ON CONFLICT DO NOTHING
"""
_ADD = "UPDATE accounts SET gaussian = gaussian + :gaussian, pure = pure + :pure WHERE name = :account"
_LARGEST = Cost(2**62, 2**62)
_CHARGE = "SELECT id, account, run, gaussian, pure, mechanisms, at FROM charges WHERE account = ?"


class SiteAccounts(Accounts):
    """`privacy.ledger.Accounts` on SQLite: durable when a call returns, all or nothing, idempotent by id."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store

    @classmethod
    def at(cls, path: Path) -> Self:
        """The accounts in the site's database at `path`."""
        return cls(SiteStore(path))

    def open(self, account: str, budget: Budget) -> None:
        """Open an account; again with the same budget changes nothing."""
        with self._store.transaction() as database:
            database.execute("INSERT OR IGNORE INTO accounts VALUES (?, ?, 0, 0)", (account, _budget_text(budget)))
            if _balance(database, account).budget != budget:
                raise AccountConflictError(account)

    def charge(self, *charges: Charge) -> None:
        """Spend all of these or none; on return they are on the disk."""
        rows = [(charge, _row(charge)) for charge in charges]
        with self._store.transaction() as database:
            for charge, row in rows:
                if not _spent(database, charge, row):
                    _decide(database, charge)

    def balance(self, account: str) -> Balance:
        """Budget and what was spent."""
        with self._store.reading() as database:
            return _balance(database, account)

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission."""
        with self._store.reading() as database:
            _balance(database, account)
            return tuple(_charge(row) for row in database.execute(f"{_CHARGE} ORDER BY number", (account,)))


def _spent(database: sqlite3.Connection, charge: Charge, row: dict[str, str | int]) -> bool:
    """Spend it if it is new and fits, all compared as whole numbers; False changes nothing and leaves why open."""
    if not charge.cost.fits(_LARGEST) or database.execute(_SPEND, row).rowcount != 1:
        return False
    database.execute(_ADD, row)
    return True


def _decide(database: sqlite3.Connection, charge: Charge) -> None:
    """Why a charge was not spent: it was made before, which is fine, or it is refused."""
    balance = _balance(database, charge.account)
    made = database.execute(f"{_CHARGE} AND id = ?", (charge.account, charge.id)).fetchone()
    if made is not None:
        refuse_conflict(_charge(made), charge)
        return
    admit(balance.budget, balance.spent, charge.cost, account=charge.account)
    raise LedgerError("the ledger's two comparisons disagree; nothing was charged")


def _balance(database: sqlite3.Connection, account: str) -> Balance:
    row = database.execute("SELECT budget, gaussian, pure FROM accounts WHERE name = ?", (account,)).fetchone()
    if row is None:
        raise UnknownAccountError(account)
    budget = json.loads(row[0])
    limit = Cost(**budget.pop("limit"))
    return Balance(budget=Budget(**budget, limit=limit), spent=Cost(gaussian=row[1], pure=row[2]))


def _budget_text(budget: Budget) -> str:
    return json.dumps(
        {
            "epsilon": budget.epsilon,
            "delta": budget.delta,
            "epsilon_pure": budget.epsilon_pure,
            "members": budget.members,
            "limit": {"gaussian": budget.limit.gaussian, "pure": budget.limit.pure},
        }
    )


def _row(charge: Charge) -> dict[str, str | int]:
    return {
        "id": charge.id,
        "account": charge.account,
        "run": charge.run,
        "gaussian": charge.cost.gaussian,
        "pure": charge.cost.pure,
        "mechanisms": json.dumps([*charge.mechanisms]),
        "at": charge.at.isoformat(),
    }


def _charge(row: tuple[str, str, str, int, int, str, str]) -> Charge:
    identity, account, run, gaussian, pure, mechanisms, at = row
    return Charge(
        id=identity,
        account=account,
        run=run,
        cost=Cost(gaussian=gaussian, pure=pure),
        mechanisms=tuple(json.loads(mechanisms)),
        at=datetime.fromisoformat(at),
    )
