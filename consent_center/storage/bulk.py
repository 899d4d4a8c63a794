"""Insert many rows at once, the fastest way that each database has."""

import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlmodel import SQLModel

from consent_center.storage.handle import Handle


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
    """The rows of a query of whole numbers, as an array of shape (rows, columns), in any order.

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
