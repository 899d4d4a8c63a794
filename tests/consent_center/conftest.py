"""Stores for the tests of the consent centre: SQLite always, PostgreSQL where it can be started."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from consent_center.storage.transaction import Store
from tests.consent_center.world import KEYS

# A busy machine is no fault of the code under test: no example has a deadline.
settings.register_profile("consent", deadline=None)
settings.load_profile("consent")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server, started if none is named."""
    if named := os.environ.get("ACCORD_TEST_POSTGRES"):  # noqa: TID251 - a test has no settings to ask
        yield named
        return
    pgserver = pytest.importorskip("pgserver")
    # Not in pytest's own folder: another run may sweep that while this one goes on.
    server = pgserver.get_server(tempfile.mkdtemp(prefix="accord-pg-"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    import psycopg

    name = f"accord_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    start, _, query = postgres_server.partition("?")
    yield start.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a fresh database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'accord.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A fresh store of either kind."""
    with Store.open(store_url, keys=KEYS) as opened:
        yield opened


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[Store]:
    """A fresh store on SQLite, for tests that are not about the database."""
    with Store.open(f"sqlite:///{tmp_path / 'accord.db'}", keys=KEYS) as opened:
        yield opened
