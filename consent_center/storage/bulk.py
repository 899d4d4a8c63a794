"""Insert many rows at once, the fastest way that each database has."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import SQLModel

from consent_center.storage.handle import Handle

_COPY_HEADER = 19
"""Bytes before the first row of a binary COPY: signature 11, flags 4, extension length 4."""


def insert_rows(tx: Handle, table: type[SQLModel], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows in this transaction: a prepared statement on SQLite, COPY on PostgreSQL.

    Args:
        tx: the transaction.
        table: where to.
        columns: the columns given, the same for every row; others keep their default.
        rows: values as the database stores them (whole numbers, text, bytes, None).
    """
    if not rows:
        return
    name = str(table.__tablename__)
    listed = ", ".join(f'"{column}"' for column in columns)
    connection = tx.session.connection()
    if tx.dialect == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f'INSERT INTO "{name}" ({listed}) VALUES ({marks})', list(rows))
        return
    marks = ", ".join(["%s"] * len(columns))
    if len(rows) < 8:
        connection.exec_driver_sql(f'INSERT INTO "{name}" ({listed}) VALUES ({marks})', list(rows))
        return
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was closed under a transaction")
    with driver.cursor() as cursor, cursor.copy(f'COPY "{name}" ({listed}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)


def read_columns(tx: Handle, query: str, *, columns: int, **numbers: int) -> NDArray[np.int64]:
    """The rows of a query of whole numbers, as an array of shape (rows, columns).

    Args:
        tx: the transaction.
        query: a SELECT whose columns are whole numbers and never NULL; `{name}` stands for a number.
        columns: how many columns it has.
        numbers: what the names stand for.
    """
    written = query.format(**{name: int(number) for name, number in numbers.items()})
    driver = tx.session.connection().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was closed under a transaction")
    if tx.dialect == "sqlite":
        flat = np.fromiter(chain.from_iterable(driver.execute(written)), dtype=np.int64)
        return flat.reshape(-1, columns)
    # PostgreSQL's binary COPY has a fixed width here: 2 bytes for the number of fields, then 4 + 8 for each.
    names = [f"c{i}" for i in range(columns)]
    fields = [("count", ">i2"), *(part for name in names for part in ((f"{name}_size", ">i4"), (name, ">i8")))]
    cast = f"SELECT {', '.join(f'{name}::bigint' for name in names)} FROM ({written}) AS q({', '.join(names)})"
    with driver.cursor() as cursor, cursor.copy(f"COPY ({cast}) TO STDOUT (FORMAT BINARY)") as copy:
        read = b"".join(copy)
    records = np.frombuffer(
        read, dtype=np.dtype(fields), offset=_COPY_HEADER, count=(len(read) - _COPY_HEADER - 2) // (2 + 12 * columns)
    )
    return (
        np.stack([records[name].astype(np.int64) for name in names], axis=1)
        if len(records)
        else np.empty((0, columns), dtype=np.int64)
    )


def rows_among(tx: Handle, query: str, values: Sequence[str | int | bytes]) -> list[tuple[Any, ...]]:
    """The rows of a query that ends in `IN {values}`, for any number of values, in one round trip.

    Args:
        tx: the transaction.
        query: a SELECT with `{values}` where the list stands.
        values: text or whole numbers (bytes on PostgreSQL only).
    """
    driver = tx.session.connection().connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection was closed under a transaction")
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
