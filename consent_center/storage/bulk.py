"""Insert many rows at once, the fastest way that each database has."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import SQLModel

if TYPE_CHECKING:
    from consent_center.storage.transaction import Transaction


def insert_rows(
    tx: "Transaction", table: type[SQLModel], columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
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
