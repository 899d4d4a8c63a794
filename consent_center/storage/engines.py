"""How each database is opened, and what it raises turned into one error of ours."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from consent_center.errors import SettingsError, StorageError

_BUSY_TIMEOUT_MS = 30_000
_IDLE_TIMEOUT_MS = 60_000


def engines(url: str) -> tuple[Engine, Engine]:
    """An engine that writes and one that reads.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://...`.

    Raises:
        SettingsError: no address, another kind of database, or SQLite in memory, which cannot be durable.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise SettingsError("this is no address of a database: use sqlite:///path or postgresql://...") from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    match parsed.get_backend_name():
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise SettingsError("sqlite needs a file: a database in memory keeps nothing")
            writer = create_engine(parsed, pool_size=1, max_overflow=0, hide_parameters=True)
            reader = create_engine(parsed, pool_size=8, max_overflow=8, hide_parameters=True)
            _prepare_sqlite(writer, begin="BEGIN IMMEDIATE", read_only=False)
            _prepare_sqlite(reader, begin="BEGIN", read_only=True)
        case "postgresql":
            # Two pools: a write may open a snapshot beside itself, and must never wait for another write's end.
            # A transaction that is left open would hold the log back: the database ends it.
            limits = {"options": f"-c idle_in_transaction_session_timeout={_IDLE_TIMEOUT_MS}"}
            writer = create_engine(parsed, pool_size=16, max_overflow=16, connect_args=limits, hide_parameters=True)
            reader = create_engine(parsed, pool_size=16, max_overflow=16, hide_parameters=True).execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        case other:
            raise SettingsError(f"no support for {other}: use sqlite or postgresql")
    return writer, reader


def _prepare_sqlite(engine: Engine, *, begin: str, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver must not begin or commit on its own
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT_MS}")
        if not read_only:
            cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA cache_size=-65536")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        connection.exec_driver_sql(begin)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn what the database, or its driver, raises into one error of ours.

    What it raised is not kept as its cause: PostgreSQL names the values of the row that it refused, and a log of
    tracebacks would keep them.
    """
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        cause = getattr(error, "orig", None) or error
        told = " ".join(filter(None, (type(cause).__name__, getattr(cause, "sqlstate", None))))
        raise StorageError(f"the database refused ({told}): nothing was written; try again or check the disk") from None
