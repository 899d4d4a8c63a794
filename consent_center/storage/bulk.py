"""Insert many rows at once, the fastest way that each database has."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from consent_center.storage.handle import Handle

_POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy leaves it untyped
_FEW = 512
"""Up to so many rows PostgreSQL is given arrays of values, in one statement; COPY is faster from there on."""

_ONE_BY_ONE = 4
"""Up to so many rows it is given each value for itself: the driver writes one value much faster than an array."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table, to be inserted.

    Attributes:
        table: where to.
        columns: the columns given, the same for every row; others keep their default.
        rows: values as the database stores them (whole numbers, text, bytes, None).
    """

    table: type[SQLModel]
    columns: Sequence[str]
    rows: Sequence[tuple[Any, ...]]


def insert_together(tx: Handle, all_rows: Sequence[Rows]) -> None:
    """Insert rows of several tables: in one statement, and one round trip, unless they are many (PostgreSQL)."""
    filled = [one for one in all_rows if one.rows]
    if tx.dialect == "sqlite" or not filled or max(len(one.rows) for one in filled) > _FEW:
        for one in filled:
            insert_rows(tx, one.table, one.columns, one.rows)
        return
    values: list[Any]
    if all(len(one.rows) <= _ONE_BY_ONE for one in filled):
        shape = tuple((one.table, tuple(one.columns), len(one.rows)) for one in filled)
        values = [value for one in filled for row in one.rows for value in row]
    else:
        shape = tuple((one.table, tuple(one.columns), 0) for one in filled)
        values = [list(column) for one in filled for column in zip(*one.rows, strict=True)]
    driver_of(tx).execute(_statement(shape), values)


@lru_cache(maxsize=256)
def _statement(shape: tuple[tuple[type[SQLModel], tuple[str, ...], int], ...]) -> str:
    """One statement that inserts into each of these tables (PostgreSQL).

    Args:
        shape: of each table its columns and how many rows; 0 for an array per column, which is the same statement for
            any number of rows, so that the database plans it once.
    """
    inserts = []
    for table, columns, rows in shape:
        of = SQLModel.metadata.tables[str(table.__tablename__)].c
        marks = [f"%s::{of[column].type.compile(dialect=_POSTGRESQL)}" for column in columns]
        if rows:
            source = "VALUES " + ", ".join([f"({', '.join(marks)})"] * rows)
        else:
            source = f"SELECT * FROM unnest({', '.join(f'{mark}[]' for mark in marks)})"
        listed = ", ".join(f'"{column}"' for column in columns)
        inserts.append(f'INSERT INTO "{table.__tablename__}" ({listed}) {source}')
    *before, last = inserts
    if not before:
        return last
    return f"WITH {', '.join(f'w{i} AS ({one})' for i, one in enumerate(before))} {last}"


def insert_rows(tx: Handle, table: type[SQLModel], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in this transaction: a prepared statement on SQLite; arrays or COPY on PostgreSQL.

    Args:
        tx: the transaction.
        table: where to.
        columns: the columns given, the same for every row; others keep their default.
        rows: values as the database stores them (whole numbers, text, bytes, None).
    """
    if not rows:
        return
    driver = driver_of(tx)
    if tx.dialect == "sqlite":
        driver.executemany(_with_marks(table, tuple(columns)), rows)
        return
    if len(rows) <= _FEW:
        insert_together(tx, [Rows(table, columns, rows)])
        return
    listed = ", ".join(f'"{column}"' for column in columns)
    with driver.cursor() as cursor, cursor.copy(f'COPY "{table.__tablename__}" ({listed}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


@lru_cache(maxsize=256)
def _with_marks(table: type[SQLModel], columns: tuple[str, ...]) -> str:
    """The statement that inserts one row (SQLite)."""
    listed, marks = ", ".join(f'"{column}"' for column in columns), ", ".join("?" * len(columns))
    return f'INSERT INTO "{table.__tablename__}" ({listed}) VALUES ({marks})'


def driver_of(tx: Handle) -> Any:
    """The driver's own connection: a layer less on the hottest roads. The store translates what it raises.

    A transaction keeps its connection, so it is asked for once in each.
    """
    session = tx.session
    known = session.info.get("driver")
    if known is not None and known[0] is session.get_transaction():
        return known[1]
    driver = session.connection().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was closed under a transaction")
    session.info["driver"] = session.get_transaction(), driver
    return driver


def read_columns(tx: Handle, query: str, *, columns: int, **numbers: int) -> NDArray[np.int64]:
    """The rows of a query of whole numbers, as an array of shape (rows, columns), in any order.

    Args:
        tx: the transaction.
        query: a SELECT whose columns are whole numbers and never NULL; `{name}` stands for a number.
        columns: how many columns it has.
        numbers: what the names stand for.
    """
    written = query.format(**{name: int(number) for name, number in numbers.items()})
    driver = driver_of(tx)
    if tx.dialect == "sqlite":
        flat = np.fromiter(chain.from_iterable(driver.execute(written)), dtype=np.int64)
        return flat.reshape(-1, columns)
    # Thousands of rows in each message: reading them one by one would cost more than everything else together.
    names = [f"c{i}" for i in range(columns)]
    packed = " || ".join(f"int8send({name}::bigint)" for name in names)
    grouped = f"SELECT string_agg({packed}, ''::bytea) FROM ({written}) AS q({', '.join(names)}) GROUP BY c0 / 16384"
    with driver.cursor(binary=True) as cursor:
        read = b"".join(bytes(piece) for (piece,) in cursor.execute(grouped))
    return np.frombuffer(read, dtype=">i8").astype(np.int64).reshape(-1, columns)


def rows_among(tx: Handle, query: str, values: Sequence[str | int | bytes]) -> list[tuple[Any, ...]]:
    """The rows of a query that ends in `IN {values}`, for any number of values, in one round trip.

    Args:
        tx: the transaction.
        query: a SELECT with `{values}` where the list stands.
        values: text or whole numbers (bytes on PostgreSQL only).
    """
    driver = driver_of(tx)
    if tx.dialect == "sqlite":
        written = query.format(values="(SELECT value FROM json_each(?))")
        return list(driver.execute(written, (json.dumps(list(values)),)).fetchall())
    with driver.cursor() as cursor:
        return list(cursor.execute(query.replace("IN {values}", "= ANY(%s)"), (list(values),)).fetchall())


def chunks(values: Iterable[Any], size: int = 500) -> Iterable[list[Any]]:
    """Lists of at most `size` values, in order; databases bound how many a query may name."""
    chunk: list[Any] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
