"""How often two holders may match in one epoch: each more run lets a partner test one more guess.

A run counts when it is opened, not when it ends, so that stopping early gains nothing. Kept in the site's own file.
"""

import sqlite3
from datetime import datetime
from pathlib import Path

from federated.errors import Refusal, RefusedError
from federated.linkage.pairing import Pairing


class Matchings:
    """The matchings that a site opened.

    Args:
        path: the file, made if it is not there.
        most: runs per pairing, which names the epoch.
    """

    def __init__(self, path: Path, *, most: int = 1) -> None:
        self._path, self._most = path, most
        with self._open() as database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS matchings (pairing TEXT NOT NULL, run TEXT NOT NULL, at TEXT NOT NULL,"
                " PRIMARY KEY (pairing, run)) WITHOUT ROWID"
            )

    def open(self, pairing: Pairing, run: str, *, at: datetime) -> None:
        """Count a run before its first point is sent; the same run again resumes and counts once.

        Raises:
            RefusedError: `link-limit`: this epoch's runs are used up.
        """
        name = pairing.domain("runs").decode()
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            known = {row[0] for row in database.execute("SELECT run FROM matchings WHERE pairing = ?", (name,))}
            if run not in known and len(known) >= self._most:
                raise RefusedError(
                    Refusal.LINK_LIMIT, f"{pairing.holder} and {pairing.helper} matched in {pairing.epoch} already"
                )
            database.execute("INSERT OR IGNORE INTO matchings VALUES (?, ?, ?)", (name, run, at.isoformat()))

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=30)
        connection.execute("PRAGMA synchronous=FULL")
        return connection
