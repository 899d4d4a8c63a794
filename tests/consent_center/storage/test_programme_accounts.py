"""Law: the programme's ledger obeys the contract of every ledger, on SQLite and on PostgreSQL, over many processes."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from consent_center.storage.ledger import StoreAccounts
from tests.consent_center.world import KEYS
from tests.contracts.accounts_contract import Connect, DurableAccountsContract


@dataclass
class Opener:
    """Opens accounts over a store of their own, and closes those of this process; pickles as what it opens."""

    open: Callable[[], StoreAccounts]
    opened: list[StoreAccounts] = field(default_factory=list)

    def __call__(self) -> StoreAccounts:
        self.opened.append(self.open())
        return self.opened[-1]

    def __reduce__(self) -> Any:
        return partial, (self.open,)


def opener(url: str) -> Iterator[Opener]:
    connect = Opener(partial(StoreAccounts.at, url, keys=KEYS))
    yield connect
    for accounts in connect.opened:
        accounts.close()


class TestOnSqlite(DurableAccountsContract):
    @pytest.fixture
    def connect(self, tmp_path: Path, sqlite_tables: Path) -> Iterator[Connect]:
        shutil.copyfile(sqlite_tables, tmp_path / "accord.db")
        yield from opener(f"sqlite:///{tmp_path / 'accord.db'}")


@pytest.mark.postgres
class TestOnPostgresql(DurableAccountsContract):
    @pytest.fixture
    def connect(self, postgres_copy: str) -> Iterator[Connect]:
        yield from opener(postgres_copy)
