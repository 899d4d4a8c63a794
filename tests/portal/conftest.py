"""One seeded programme per database for all tests of the portal; each test brings its own member."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.browser.postgres import fresh_database
from tests.portal.visitor import House, Visitor, open_house


@pytest.fixture(scope="session")
def portal_postgres() -> Iterator[str]:
    """Address of a fresh PostgreSQL database."""
    with fresh_database() as address:
        yield address


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The programme on SQLite."""
    with open_house(tmp_path_factory.mktemp("portal") / "dev") as opened:
        yield opened


@pytest.fixture(scope="session")
def postgres_house(portal_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """The programme on PostgreSQL, opened once: another opening would bring another root key."""
    with open_house(tmp_path_factory.mktemp("portal-pg") / "dev", database=portal_postgres) as opened:
        yield opened


@pytest.fixture(
    params=["house", pytest.param("postgres_house", marks=pytest.mark.postgres)], ids=["sqlite", "postgresql"]
)
def any_house(request: pytest.FixtureRequest) -> Iterator[House]:
    """The programme on either database; a test that moved its clock leaves it right."""
    opened: House = request.getfixturevalue(request.param)
    yield opened
    opened.clock.ahead = timedelta(0)


@pytest.fixture(autouse=True)
def _clock_is_right(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that moved the clock leaves it right."""
    yield
    if "house" in request.fixturenames:
        request.getfixturevalue("house").clock.ahead = timedelta(0)


@pytest.fixture
def member(house: House) -> Visitor:
    """A new member at her browser."""
    return house.member()
