"""One seeded programme per database for all tests of the portal; each test brings its own member."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.portal.visitor import House, Visitor, open_house


@pytest.fixture(scope="session")
def portal_postgres() -> Iterator[str]:
    """Address of a fresh PostgreSQL database."""
    import psycopg

    folder = Path(tempfile.mkdtemp(prefix="accord-pg-"))  # not pytest's: the server may run as another user

    named = os.environ.get("ACCORD_TEST_POSTGRES")  # noqa: TID251 - a test has no settings to ask
    server = None
    if not named:
        pgserver = pytest.importorskip("pgserver")
        server = pgserver.get_server(folder, cleanup_mode="stop")
        named = server.get_uri()
    name = f"portal_{secrets.token_hex(6)}"
    with psycopg.connect(named, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    start, _, query = named.partition("?")
    yield start.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    if server is not None:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


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
