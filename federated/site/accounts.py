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
from privacy.errors import AccountConflictError, UnknownAccountError
from privacy.ledger import Accounts, Balance, Budget, Charge, admit, refuse_conflict
from privacy.quantities import Cost

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
        with self._store.transaction() as database:
            for charge in charges:
                balance = _balance(database, charge.account)
                made = database.execute(f"{_CHARGE} AND id = ?", (charge.account, charge.id)).fetchone()
                if made is not None:
                    refuse_conflict(_charge(made), charge)
                    continue
                spent = admit(balance.budget, balance.spent, charge.cost, account=charge.account)
                database.execute(
                    "INSERT INTO charges (id, account, run, gaussian, pure, mechanisms, at) VALUES (?,?,?,?,?,?,?)",
                    (
                        charge.id,
                        charge.account,
                        charge.run,
                        charge.cost.gaussian,
                        charge.cost.pure,
                        json.dumps([*charge.mechanisms]),
                        charge.at.isoformat(),
                    ),
                )
                database.execute(
                    "UPDATE accounts SET gaussian = ?, pure = ? WHERE name = ?",
                    (spent.gaussian, spent.pure, charge.account),
                )

    def balance(self, account: str) -> Balance:
        """Budget and what was spent."""
        with self._store.reading() as database:
            return _balance(database, account)

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission."""
        with self._store.reading() as database:
            _balance(database, account)
            return tuple(_charge(row) for row in database.execute(f"{_CHARGE} ORDER BY number", (account,)))


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
