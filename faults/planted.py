"""A statement that fails, in the midst of a workflow: SQLite connections that count what writes, and what they hold."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Planted:
    """Which statement fails next: the `at`-th that writes; 0 for none.

    Attributes:
        fired: did it fail?
        running: the thread in which the workflow's own statements run; None between workflows.
    """

    def __init__(self) -> None:
        self.at, self.count, self.fired = 0, 0, False
        self.running: int | None = None

    def arm(self, at: int) -> None:
        """Let this statement fail, counted anew."""
        self.at, self.count, self.fired = at, 0, False

    def within(self, workflow: Callable[..., Any]) -> Callable[..., Any]:
        """The workflow; only its own statements are counted, not those of its neighbours in a group."""

        def run(tx: Any, *args: Any, **kwargs: Any) -> Any:
            self.running = threading.get_ident()
            try:
                result = workflow(tx, *args, **kwargs)
                tx.session.flush()
                return result
            finally:
                self.running = None

        return run

    def statement(self, sql: str) -> None:
        """Count a statement, and fail if it is its turn."""
        if (
            self.running == threading.get_ident()
            and self.at
            and sql.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE", "REPLAC"}
        ):
            self.count += 1
            if self.count == self.at:
                self.fired = True
                raise sqlite3.OperationalError("planted: this statement fails")


PLANTED = Planted()


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        PLANTED.statement(sql)
        return super().execute(sql, *given)

    def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
        PLANTED.statement(sql)
        return super().executemany(sql, *given)


class Connection(sqlite3.Connection):
    """A connection whose statements are counted."""

    def cursor(self, *_: Any, **__: Any) -> sqlite3.Cursor:
        """A cursor that counts."""
        return super().cursor(_Cursor)

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        """Run a statement, counted."""
        return self.cursor().execute(sql, *given)

    def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
        """Run a statement for many rows, counted once."""
        return self.cursor().executemany(sql, *given)


def contents(database: Path) -> dict[str, int]:
    """Table -> a hash of its rows, as the database stands committed."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: hash(tuple(map(repr, connection.execute(f'SELECT * FROM "{name}"')))) for name in names}
    finally:
        connection.close()
