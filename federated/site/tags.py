"""What models hold about a member, as she sees it, and which of it she deleted.

A tag is derived from the newest finished scores and never stored: "at-risk" for a flagged score, "taste:DEPARTMENT" for
what her lists lean on. Only deletions are stored. The next scoring honours them: without "at-risk" she is not scored
for it again, without a taste its department is left out of her lists. A deletion stands until she takes it back.
"""

from collections.abc import Iterable
from datetime import datetime

from federated.site.store import SiteStore

AT_RISK = "at-risk"
TASTE = "taste:"
_SCHEMA = """CREATE TABLE IF NOT EXISTS tag_deletions (
    pseudonym BLOB NOT NULL, tag TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (pseudonym, tag)
) WITHOUT ROWID"""


class Tags:
    """Deleted tags in a site's database."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store
        with store.transaction() as database:
            database.execute(_SCHEMA)

    def delete(self, pseudonym: bytes, tag: str, *, at: datetime) -> None:
        """Remember that she deleted a tag; again changes nothing."""
        with self._store.transaction() as database:
            database.execute("INSERT OR IGNORE INTO tag_deletions VALUES (?, ?, ?)", (pseudonym, tag, at.isoformat()))

    def restore(self, pseudonym: bytes, tag: str) -> None:
        """She takes a deletion back."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM tag_deletions WHERE pseudonym = ? AND tag = ?", (pseudonym, tag))

    def deleted(self, members: Iterable[bytes]) -> dict[bytes, frozenset[str]]:
        """Of these members, who deleted which tags."""
        found: dict[bytes, set[str]] = {}
        with self._store.reading() as database:
            for pseudonym, tag in database.execute("SELECT pseudonym, tag FROM tag_deletions"):
                found.setdefault(pseudonym, set()).add(tag)
        wanted = found.keys() & frozenset(members) if found else ()
        return {pseudonym: frozenset(found[pseudonym]) for pseudonym in wanted}

    def forget(self, pseudonym: bytes) -> None:
        """She is erased."""
        with self._store.transaction() as database:
            database.execute("DELETE FROM tag_deletions WHERE pseudonym = ?", (pseudonym,))
