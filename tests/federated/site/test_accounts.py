"""Law: a site's own ledger obeys the contract of every ledger, and survives crashes and other processes."""

from functools import partial
from pathlib import Path

import pytest

from federated.site.accounts import SiteAccounts
from tests.contracts.accounts_contract import Connect, DurableAccountsContract


class TestSiteAccounts(DurableAccountsContract):
    @pytest.fixture
    def connect(self, tmp_path: Path) -> Connect:
        return partial(SiteAccounts.at, tmp_path / "site.db")
