"""The programme's accounts: what was charged, and the two integers that were spent.

The balance is kept beside the history so that admission reads one row; `privacy.ledger.total(history)` must equal it,
and the contract suite says so.

A charge on its own is first tried as plain SQL that compares whole numbers and spends (`_spent`): it can only say yes.
Whatever it does not spend is decided by `charge`, which alone refuses; by the law of idempotency the second try can
never count twice, even if the database vanished between its commit and its answer.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel, col, select

from consent_center.errors import StorageError
from consent_center.events import Event
from consent_center.settings import clock
from consent_center.storage.columns import EntryRef, moment, text
from consent_center.storage.transaction import Store, Transaction
from privacy.errors import AccountConflictError, UnknownAccountError
from privacy.keys import Wrapper
from privacy.ledger import Balance, Budget, Charge, admit, refuse_conflict
from privacy.quantities import Cost


class AccountRow(SQLModel, table=True):
    """One account, its budget as data, and what it has spent."""

    __tablename__ = "account"
    name: str = Field(primary_key=True)
    epsilon: float
    delta: float
    epsilon_pure: float
    members: int
    limit_gaussian: int = Field(sa_type=BigInteger)
    limit_pure: int = Field(sa_type=BigInteger)
    spent_gaussian: int = Field(default=0, sa_type=BigInteger)
    spent_pure: int = Field(default=0, sa_type=BigInteger)
    entry_id: EntryRef


class ChargeRow(SQLModel, table=True):
    """One charge, with the releases it was for, so that history can be re-priced."""

    __tablename__ = "charge"
    __table_args__ = (Index("charge_once", "account", "id", unique=True),)
    sequence: int | None = Field(default=None, primary_key=True)
    account: str = Field(foreign_key="account.name")
    id: str
    run: str
    gaussian: int = Field(sa_type=BigInteger)
    pure: int = Field(sa_type=BigInteger)
    mechanisms: str
    at: str


_SPEND_POSTGRESQL = """
WITH spent AS (
    UPDATE account
    SET spent_gaussian = spent_gaussian + %(gaussian)s, spent_pure = spent_pure + %(pure)s
    WHERE name = %(account)s AND spent_gaussian <= limit_gaussian - %(gaussian)s
        AND spent_pure <= limit_pure - %(pure)s
        AND NOT EXISTS (SELECT FROM charge WHERE account = %(account)s AND id = %(id)s)
    RETURNING name
)
INSERT INTO charge (account, id, run, gaussian, pure, mechanisms, at)
SELECT name, %(id)s, %(run)s, %(gaussian)s, %(pure)s, %(mechanisms)s, %(at)s FROM spent
"""
_SPEND_SQLITE = """
INSERT INTO charge (account, id, run, gaussian, pure, mechanisms, at)
SELECT name, :id, :run, :gaussian, :pure, :mechanisms, :at FROM account
WHERE name = :account AND spent_gaussian <= limit_gaussian - :gaussian AND spent_pure <= limit_pure - :pure
ON CONFLICT DO NOTHING
"""
_ADD_SQLITE = """
UPDATE account SET spent_gaussian = spent_gaussian + :gaussian, spent_pure = spent_pure + :pure WHERE name = :account
"""
_LARGEST = Cost(2**62, 2**62)


def open_account(tx: Transaction, account: str, budget: Budget, *, at: datetime) -> None:
    """Open an account with its budget, and say so in the log; the same again changes nothing.

    Raises:
        AccountConflictError: it is open with another budget.
    """
    row = tx.session.get(AccountRow, account)
    if row is None:
        limits = {"budget_gaussian": budget.limit.gaussian, "budget_pure": budget.limit.pure}
        entry = tx.append(Event.of("account.opened", public={"account": account, **limits}), at=at)
        tx.session.add(
            AccountRow(
                name=account,
                epsilon=budget.epsilon,
                delta=budget.delta,
                epsilon_pure=budget.epsilon_pure,
                members=budget.members,
                limit_gaussian=budget.limit.gaussian,
                limit_pure=budget.limit.pure,
                entry_id=entry,
            )
        )
    elif _budget(row) != budget:
        raise AccountConflictError(account)


def charge(tx: Transaction, *charges: Charge) -> None:
    """Spend all of these or none; durable when the transaction commits.

    Raises:
        UnknownAccountError: an account was never opened.
        ChargeConflictError: an id exists in its account with other content.
        OverBudgetError: one does not fit.
    """
    for one in sorted(charges, key=lambda each: each.account):
        row = _locked(tx, one.account)
        if (known := charge_of(tx, one.account, one.id)) is not None:
            refuse_conflict(known, one)
            continue
        spent = admit(_budget(row), Cost(row.spent_gaussian, row.spent_pure), one.cost, account=one.account)
        row.spent_gaussian, row.spent_pure = spent.gaussian, spent.pure
        tx.session.add(row)
        tx.session.add(ChargeRow(**_columns(one)))
        tx.session.flush()


def balance(tx: Transaction, account: str) -> Balance:
    """Budget and what was spent.

    Raises:
        UnknownAccountError: it was never opened.
    """
    row = tx.session.get(AccountRow, account)
    if row is None:
        raise UnknownAccountError(account)
    return Balance(budget=_budget(row), spent=Cost(row.spent_gaussian, row.spent_pure))


def history(tx: Transaction, account: str) -> tuple[Charge, ...]:
    """Every charge of an account, in the order of admission.

    Raises:
        UnknownAccountError: it was never opened.
    """
    balance(tx, account)
    query = select(ChargeRow).where(ChargeRow.account == account).order_by(col(ChargeRow.sequence))
    return tuple(_charge(row) for row in tx.session.exec(query))


def charge_of(tx: Transaction, account: str, id: str) -> Charge | None:  # noqa: A002 - the field's own name
    """One charge of an account, or None if it was never made."""
    row = tx.session.exec(select(ChargeRow).where(ChargeRow.account == account, ChargeRow.id == id)).first()
    return None if row is None else _charge(row)


def last_charges(tx: Transaction, account: str, *, limit: int) -> list[Charge]:
    """The newest charges of an account, in the order of admission."""
    query = select(ChargeRow).where(ChargeRow.account == account).order_by(col(ChargeRow.sequence).desc()).limit(limit)
    return [_charge(row) for row in tx.session.exec(query)][::-1]


def accounts(tx: Transaction) -> tuple[str, ...]:
    """The names of all open accounts, sorted."""
    return tuple(tx.session.exec(select(AccountRow.name).order_by(AccountRow.name)))


class StoreAccounts:
    """`privacy.ledger.Accounts` on the consent centre's tables: each call is one transaction of its own."""

    def __init__(self, store: Store, *, now: Callable[[], datetime] = clock) -> None:
        self._store, self._now = store, now

    @classmethod
    def at(cls, url: str, *, keys: Wrapper) -> Self:
        """The accounts at a database address, over a store of their own."""
        return cls(Store.open(url, keys=keys))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def open(self, account: str, budget: Budget) -> None:
        """Open an account; see `open_account`."""
        self._store.run(open_account, account, budget, at=self._now())

    def charge(self, *charges: Charge) -> None:
        """Spend all of these or none; see `charge`."""
        if len(charges) != 1 or not self._spent(charges[0]):
            self._store.run(charge, *charges)

    def balance(self, account: str) -> Balance:
        """Budget and what was spent."""
        return self._store.read(balance, account)

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission."""
        return self._store.read(history, account)

    def _spent(self, one: Charge) -> bool:
        """Spend it in one round trip if it is new and fits; False leaves the decision, and the reason, to `charge`.

        Two that are the same at the same moment: the unique index ends the second, with all it did.
        """
        if not one.cost.fits(_LARGEST):
            return False
        columns = _columns(one)
        try:
            with self._store.driver() as connection:
                if self._store.url_kind == "postgresql":
                    return bool(connection.execute(_SPEND_POSTGRESQL, columns).rowcount == 1)
                connection.execute("BEGIN IMMEDIATE")
                spent = connection.execute(_SPEND_SQLITE, columns).rowcount == 1
                if spent:
                    connection.execute(_ADD_SQLITE, columns)
                connection.execute("COMMIT")
                return bool(spent)
        except StorageError:
            return False


def _columns(one: Charge) -> dict[str, Any]:
    return {
        "account": one.account,
        "id": one.id,
        "run": one.run,
        "gaussian": one.cost.gaussian,
        "pure": one.cost.pure,
        "mechanisms": json.dumps([dict(each) for each in one.mechanisms]),
        "at": text(one.at),
    }


def _locked(tx: Transaction, account: str) -> AccountRow:
    """The account's row, locked until the transaction ends (SQLite has one writer anyway)."""
    query = select(AccountRow).where(AccountRow.name == account).with_for_update()
    row = tx.session.exec(query.execution_options(populate_existing=True)).first()
    if row is None:
        raise UnknownAccountError(account)
    return row


def _budget(row: AccountRow) -> Budget:
    limit = Cost(row.limit_gaussian, row.limit_pure)
    return Budget(row.epsilon, row.delta, row.epsilon_pure, row.members, limit)


def _charge(row: ChargeRow) -> Charge:
    return Charge(
        id=row.id,
        account=row.account,
        run=row.run,
        cost=Cost(row.gaussian, row.pure),
        mechanisms=tuple(json.loads(row.mechanisms)),
        at=moment(row.at),
    )
