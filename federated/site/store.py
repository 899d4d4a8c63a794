"""The site's own database: one SQLite file that no other party opens.

Invariant: when a write returns, it is on the disk (write-ahead log, synchronous FULL), so what the crash rule calls
committed survives a power cut.
"""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock

from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.errors import MalformedError

COHORT_KEY_BYTES = 32

# A row of `runs` holds the order as it came, megabytes of it, and how the run began; it is never written again, for
# that would write the whole row. `standing` is where the run is now: of runs that an earlier release opened, as then;
# at each start only those are read, for what stands behind an order is as far away as the order is long.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS enrolments (
    pseudonym BLOB PRIMARY KEY, cohort_key BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    name TEXT PRIMARY KEY, budget TEXT NOT NULL, gaussian INTEGER NOT NULL, pure INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS charges (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL REFERENCES accounts(name), id TEXT NOT NULL, run TEXT NOT NULL,
    gaussian INTEGER NOT NULL, pure INTEGER NOT NULL, mechanisms TEXT NOT NULL, at TEXT NOT NULL, UNIQUE (account, id)
);
CREATE TABLE IF NOT EXISTS runs (
    run TEXT PRIMARY KEY, work BLOB NOT NULL, number INTEGER NOT NULL, nonce TEXT NOT NULL, epoch INTEGER NOT NULL,
    removed BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS standing (
    run TEXT PRIMARY KEY REFERENCES runs(run), number INTEGER NOT NULL, nonce TEXT NOT NULL, epoch INTEGER NOT NULL,
    removed BLOB NOT NULL
);
INSERT OR IGNORE INTO standing
    SELECT run, number, nonce, epoch, removed FROM runs WHERE run NOT IN (SELECT run FROM standing);
CREATE TABLE IF NOT EXISTS attempts (
    run TEXT NOT NULL REFERENCES runs(run), number INTEGER NOT NULL, attempt INTEGER NOT NULL, request TEXT NOT NULL,
    PRIMARY KEY (run, number, attempt)
);
CREATE TABLE IF NOT EXISTS outbox (
    run TEXT NOT NULL REFERENCES runs(run), number INTEGER NOT NULL, request TEXT NOT NULL, reply BLOB NOT NULL,
    digest TEXT NOT NULL, PRIMARY KEY (run, number)
);
CREATE TABLE IF NOT EXISTS exchanged (
    about TEXT NOT NULL, epoch TEXT NOT NULL, member BLOB NOT NULL, answer INTEGER NOT NULL,
    PRIMARY KEY (about, member)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS helping (
    about TEXT PRIMARY KEY, epoch TEXT NOT NULL, weights BLOB NOT NULL, edges BLOB NOT NULL
);
"""


class SiteStore:
    """One connection to the site's database, shared by threads under a lock."""

    def __init__(self, path: Path) -> None:
        self._lock = RLock()
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30.0)
        path.chmod(0o600)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.execute("PRAGMA foreign_keys=ON")
        self._connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it on the disk when this returns, or none of it."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A look at what is committed."""
        with self._lock:
            yield self._connection

    def enrol(self, enrolments: Mapping[bytes, bytes] | Iterable[tuple[bytes, bytes]]) -> None:
        """Remember members who linked their account: pseudonym -> her cohort key for this site.

        A pseudonym that is enrolled again gets the new key.

        Raises:
            MalformedError: a pseudonym is not 16 bytes or a key not 32.
        """
        pairs = list(enrolments.items() if isinstance(enrolments, Mapping) else enrolments)
        if any(len(one) != PSEUDONYM_BYTES or len(key) != COHORT_KEY_BYTES for one, key in pairs):
            raise MalformedError("an enrolment is a pseudonym of 16 bytes and a cohort key of 32")
        with self.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO enrolments VALUES (?, ?)", pairs)

    def unlink(self, pseudonyms: Iterable[bytes]) -> None:
        """Forget members who unlinked their account; unknown ones are no error."""
        with self.transaction() as database:
            database.executemany("DELETE FROM enrolments WHERE pseudonym = ?", [(one,) for one in pseudonyms])

    def cohort_keys(self) -> dict[bytes, bytes]:
        """Pseudonym -> cohort key of every enrolled member."""
        with self.reading() as database:
            return dict(database.execute("SELECT pseudonym, cohort_key FROM enrolments"))

    def close(self) -> None:
        """Close the file; nothing is lost by not calling this."""
        with self._lock:
            self._connection.close()
