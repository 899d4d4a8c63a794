"""Law: the programme's ledger obeys the contract of every ledger, on SQLite and on PostgreSQL, over many processes."""

from functools import partial
from pathlib import Path

import pytest

from consent_center.storage.ledger import StoreAccounts
from consent_center.storage.transaction import Store
from tests.consent_center.world import KEYS
from tests.contracts.accounts_contract import Connect, DurableAccountsContract


def open_accounts(url: str) -> StoreAccounts:
    """A connection of its own, as each process of the consent centre has one."""
    return StoreAccounts(Store.open(url, keys=KEYS))


class TestOnSqlite(DurableAccountsContract):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        return partial(open_accounts, f"sqlite:///{tmp_path / 'accord.db'}")


@pytest.mark.postgres
class TestOnPostgresql(DurableAccountsContract):
    @pytest.fixture
    def connect(self, postgres_url: str) -> Connect:
        return partial(open_accounts, postgres_url)
