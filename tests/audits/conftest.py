"""One programme for each test of audits, on SQLite: the workflows of both databases are tested elsewhere."""

from collections.abc import Iterator

import pytest

from consent_center.storage.transaction import Store
from tests.audits.auditing import Audits, audits
from tests.consent_center.world import KEYS
from tests.console.office import Office, open_office


@pytest.fixture
def office(tmp_path) -> Iterator[Audits]:
    with Store.open(f"sqlite:///{tmp_path / 'accord.db'}", keys=KEYS) as store:
        yield audits(store)


@pytest.fixture
def fresh_office(tmp_path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened
