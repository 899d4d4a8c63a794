"""One office for all tests that only look; a fresh one for those that change much."""

from collections.abc import Iterator

import pytest

from tests.console.office import Office, open_office


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with open_office(tmp_path_factory.mktemp("office")) as opened:
        yield opened


@pytest.fixture
def fresh_office(tmp_path) -> Iterator[Office]:
    with open_office(tmp_path) as opened:
        yield opened
