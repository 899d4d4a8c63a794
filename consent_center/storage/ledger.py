"""The programme's accounts: what was charged, and the two integers that were spent.

The balance is kept beside the history so that admission reads one row; `privacy.ledger.total(history)` must equal it,
and the contract suite says so.
"""

import json
from typing import Self

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import moment, text
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


class ChargeRow(SQLModel, table=True):
    """One charge, with the releases it was for, so that history can be re-priced."""

    __tablename__ = "charge"
    sequence: int | None = Field(default=None, primary_key=True)
    account: str = Field(foreign_key="account.name", index=True)
    id: str = Field(index=True)
    run: str
    gaussian: int = Field(sa_type=BigInteger)
    pure: int = Field(sa_type=BigInteger)
    mechanisms: str
    at: str


def open_account(tx: Transaction, account: str, budget: Budget) -> None:
    """Open an account with its budget; the same again changes nothing.

    Raises:
        AccountConflictError: it is open with another budget.
    """
    row = tx.session.get(AccountRow, account)
    if row is None:
        tx.session.add(
            AccountRow(
                name=account,
                epsilon=budget.epsilon,
                delta=budget.delta,
                epsilon_pure=budget.epsilon_pure,
                members=budget.members,
                limit_gaussian=budget.limit.gaussian,
                limit_pure=budget.limit.pure,
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
        query = select(ChargeRow).where(ChargeRow.account == one.account, ChargeRow.id == one.id)
        if (known := tx.session.exec(query).first()) is not None:
            refuse_conflict(_charge(known), one)
            continue
        spent = admit(_budget(row), Cost(row.spent_gaussian, row.spent_pure), one.cost, account=one.account)
        row.spent_gaussian, row.spent_pure = spent.gaussian, spent.pure
        tx.session.add(row)
        tx.session.add(
            ChargeRow(
                account=one.account,
                id=one.id,
                run=one.run,
                gaussian=one.cost.gaussian,
                pure=one.cost.pure,
                mechanisms=json.dumps([dict(each) for each in one.mechanisms]),
                at=text(one.at),
            )
        )
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


def last_charges(tx: Transaction, account: str, *, limit: int) -> list[Charge]:
    """The newest charges of an account, in the order of admission."""
    query = select(ChargeRow).where(ChargeRow.account == account).order_by(col(ChargeRow.sequence).desc()).limit(limit)
    return [_charge(row) for row in tx.session.exec(query)][::-1]


def accounts(tx: Transaction) -> tuple[str, ...]:
    """The names of all open accounts, sorted."""
    return tuple(tx.session.exec(select(AccountRow.name).order_by(AccountRow.name)))


class StoreAccounts:
    """`privacy.ledger.Accounts` on the consent centre's tables: each call is one transaction of its own."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @classmethod
    def at(cls, url: str, *, keys: Wrapper) -> Self:
        """The accounts at a database address, over a store of their own."""
        return cls(Store.open(url, keys=keys))

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def open(self, account: str, budget: Budget) -> None:
        """Open an account; see `open_account`."""
        self._store.run(open_account, account, budget)

    def charge(self, *charges: Charge) -> None:
        """Spend all of these or none; see `charge`."""
        self._store.run(charge, *charges)

    def balance(self, account: str) -> Balance:
        """Budget and what was spent."""
        return self._store.read(balance, account)

    def history(self, account: str) -> tuple[Charge, ...]:
        """Every charge, in the order of admission."""
        return self._store.read(history, account)


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
