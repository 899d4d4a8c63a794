"""Law: accounts in memory obey the contract of every ledger."""

import pytest

from privacy.accounts_memory import MemoryAccounts
from tests.contracts.accounts_contract import AccountsContract, Connect


class TestMemoryAccounts(AccountsContract):
    @pytest.fixture
    def connect(self) -> Connect:
        return MemoryAccounts
