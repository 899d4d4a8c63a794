"""Stores for the tests of the consent centre: SQLite always, PostgreSQL where it can be started."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings

from consent_center.storage.transaction import Store
from tests.consent_center.world import KEYS

# A busy machine is no fault of the code under test: no example has a deadline.
settings.register_profile("consent", deadline=None, max_examples=60)
settings.register_profile("matrix", deadline=None)
if settings.get_current_profile_name() != "matrix":
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
    with psycopg.connect(server.get_uri(), autocommit=True) as admin:
        # These tests kill processes, never the machine: what the kernel was handed is there. `make faults` cuts power.
        for setting in ("fsync", "full_page_writes"):
            admin.execute(f"ALTER SYSTEM SET {setting} = off")
        admin.execute("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


def _named(server: str, database: str) -> str:
    """The address of a database of a server."""
    start, _, query = server.partition("?")
    return start.rsplit("/", 1)[0] + f"/{database}" + (f"?{query}" if query else "")


@pytest.fixture(scope="session")
def postgres_tables(postgres_server: str) -> str:
    """Name of a database with the tables and nothing in them: making them takes a second, copying them does not."""
    name = f"accord_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    Store.open(_named(postgres_server, name), keys=KEYS).close()
    return name


@pytest.fixture(scope="session")
def sqlite_tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables and nothing in them."""
    path = tmp_path_factory.mktemp("tables") / "accord.db"
    Store.open(f"sqlite:///{path}", keys=KEYS).close()
    return path


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    name = f"accord_{secrets.token_hex(6)}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    yield _named(postgres_server, name)
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def postgres_copy(postgres_server: str, postgres_tables: str) -> Iterator[str]:
    """A fresh PostgreSQL database with the tables and nothing in them."""
    name = _copy_of(postgres_server, postgres_tables)
    yield _named(postgres_server, name)
    _drop(postgres_server, name)


def _copy_of(server: str, database: str) -> str:
    """Name of a new database with what that one holds."""
    name = f"accord_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{database}"')
    return name


def _drop(server: str, database: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a fresh database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'accord.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store of either kind."""
    if request.param == "sqlite":
        yield from _copied(request, tmp_path)
        return
    with Store.open(request.getfixturevalue("postgres_copy"), keys=KEYS) as opened:
        yield opened


Filled = Callable[[str, Callable[[Store], Any]], tuple[Store, Any]]
"""A name, and what fills an empty store and says what is in it -> a store filled so, and what was said."""


@pytest.fixture(scope="module")
def kept() -> dict[tuple[str, str], tuple[Any, Any]]:
    """Kind of database and name of the filling -> the store filled once, and what was said of it."""
    return {}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kept: dict[tuple[str, str], Any]
) -> Iterator[Filled]:
    """Stores of either kind that are filled once in a module; each test has a copy, which takes a moment."""
    if request.param == "sqlite":
        empty: Any = request.getfixturevalue("sqlite_tables")
        copy = partial(_file_like, tmp_path_factory)
        address: Callable[[Any], str] = "sqlite:///{}".format
        drop: Callable[[Any], object] = Path.unlink
    else:
        server, empty = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_tables")
        copy, address, drop = partial(_copy_of, server), partial(_named, server), partial(_drop, server)
    with ExitStack() as after:

        def of(name: str, fill: Callable[[Store], Any]) -> tuple[Store, Any]:
            if (request.param, name) not in kept:
                first = copy(empty)
                with Store.open(address(first), keys=KEYS) as opened:
                    kept[request.param, name] = first, fill(opened)
            first, told = kept[request.param, name]
            one = copy(first)
            after.callback(drop, one)
            return after.enter_context(Store.open(address(one), keys=KEYS)), told

        yield of


def _file_like(folders: pytest.TempPathFactory, first: Path) -> Path:
    path = folders.mktemp("copy") / "accord.db"
    shutil.copyfile(first, path)
    return path


@pytest.fixture
def small_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store on SQLite, for tests that are not about the database."""
    yield from _copied(request, tmp_path)


def _copied(request: pytest.FixtureRequest, folder: Path) -> Iterator[Store]:
    shutil.copyfile(request.getfixturevalue("sqlite_tables"), folder / "accord.db")
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=KEYS) as opened:
        yield opened
