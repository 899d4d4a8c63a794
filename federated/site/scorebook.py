"""What a site knows about its members' scores: one blob per 262,144 of them, in order of pseudonym, in its database.

    scoring   one run: whose study, which model, where it stands
    scored    one block of it: first and last pseudonym, and columns of equal length (`numpy` arrays, never pickled)

A block is written in one transaction with the run's progress: a run that is killed goes on after its last whole block,
and a block is never written twice. A member is found by bisection, and forgotten by rewriting her block.
"""

import io
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.site.store import SiteStore

BLOCK = 262_144
FEW = 500
"""So many members are cut out of a sorted list one by one; for more of them the whole list is looked through."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS scorings (
    run TEXT PRIMARY KEY, study TEXT NOT NULL, package TEXT NOT NULL, work BLOB NOT NULL, started TEXT NOT NULL,
    released BLOB, done TEXT
);
CREATE TABLE IF NOT EXISTS scored (
    run TEXT NOT NULL REFERENCES scorings(run), block INTEGER NOT NULL, first BLOB NOT NULL, last BLOB NOT NULL,
    members INTEGER NOT NULL, columns BLOB NOT NULL, PRIMARY KEY (run, block)
);
"""
Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Scoring:
    """Where a scoring run stands.

    Attributes:
        work: the order as it came.
        released: the noised histogram's bytes once it was drawn: a resumed run sends the same.
        done: when it was finished; None while it runs.
    """

    run: str
    study: str
    package: str
    work: bytes
    started: datetime
    released: bytes | None
    done: datetime | None


@dataclass(frozen=True)
class Block:
    """Scores of some members, in order of pseudonym; every column has one entry for each."""

    pseudonyms: tuple[bytes, ...]
    columns: Columns


class ScoreBook:
    """The scores in a site's database."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store
        with store.transaction() as database:
            for statement in _SCHEMA.split(";"):
                database.execute(statement)

    def begin(self, scoring: Scoring) -> Scoring:
        """Start a run, or return where it stands."""
        with self._store.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO scorings VALUES (?, ?, ?, ?, ?, NULL, NULL)",
                (scoring.run, scoring.study, scoring.package, scoring.work, scoring.started.isoformat()),
            )
            return _scoring(database.execute("SELECT * FROM scorings WHERE run = ?", (scoring.run,)).fetchone())

    def unfinished(self, study: str, package: str) -> Scoring | None:
        """The newest run of this study and model that was begun and not finished."""
        return self._newest("study = ? AND package = ? AND done IS NULL", (study, package))

    def finished(self, study: str) -> Scoring | None:
        """The newest finished run of a study: the scores that count."""
        return self._newest("study = ? AND done IS NOT NULL", (study,))

    def blocks_done(self, run: str) -> frozenset[int]:
        """Which blocks are written."""
        with self._store.reading() as database:
            return frozenset(number for (number,) in database.execute("SELECT block FROM scored WHERE run = ?", (run,)))

    def write(self, run: str, number: int, block: Block) -> None:
        """Keep a block; again changes nothing."""
        first, last = (block.pseudonyms[0], block.pseudonyms[-1]) if block.pseudonyms else (b"", b"")
        with self._store.transaction() as database:
            database.execute(
                "INSERT OR IGNORE INTO scored VALUES (?, ?, ?, ?, ?, ?)",
                (run, number, first, last, len(block.pseudonyms), _pack(block)),
            )

    def release(self, run: str, counts: bytes) -> bytes:
        """Keep the noised histogram before it leaves; whichever was kept first is what leaves."""
        with self._store.transaction() as database:
            database.execute("UPDATE scorings SET released = coalesce(released, ?) WHERE run = ?", (counts, run))
            (kept,) = database.execute("SELECT released FROM scorings WHERE run = ?", (run,)).fetchone()
        return bytes(kept)

    def finish(self, run: str, *, at: datetime) -> None:
        """From now on these scores count, and those of older runs of the study are gone."""
        with self._store.transaction() as database:
            database.execute("UPDATE scorings SET done = ? WHERE run = ?", (at.isoformat(), run))
            (study,) = database.execute("SELECT study FROM scorings WHERE run = ?", (run,)).fetchone()
            database.execute(
                "DELETE FROM scored WHERE run IN (SELECT run FROM scorings WHERE study = ? AND run <> ?)", (study, run)
            )

    def blocks(self, run: str, only: Iterable[int] | None = None) -> Iterator[Block]:
        """All blocks of a run, or the given ones."""
        for number in sorted(self.blocks_done(run) if only is None else only):
            with self._store.reading() as database:
                row = database.execute(
                    "SELECT columns FROM scored WHERE run = ? AND block = ?", (run, number)
                ).fetchone()
            yield _unpack(row[0])

    def of_member(self, run: str, pseudonym: bytes) -> dict[str, Any] | None:
        """One member's entries, or None if she was not scored in this run."""
        with self._store.reading() as database:
            row = database.execute(
                "SELECT columns FROM scored WHERE run = ? AND first <= ? AND last >= ? AND members > 0",
                (run, pseudonym, pseudonym),
            ).fetchone()
        if row is None:
            return None
        block = _unpack(row[0])
        place = bisect_left(block.pseudonyms, pseudonym)
        if place == len(block.pseudonyms) or block.pseudonyms[place] != pseudonym:
            return None
        return {name: column[place] for name, column in block.columns.items()}

    def forget(self, pseudonym: bytes) -> None:
        """Remove one member from every run."""
        with self._store.transaction() as database:
            for run, number, packed in database.execute(
                "SELECT run, block, columns FROM scored WHERE first <= ? AND last >= ?", (pseudonym, pseudonym)
            ).fetchall():
                block = _unpack(packed)
                kept = [index for index, one in enumerate(block.pseudonyms) if one != pseudonym]
                left = Block(
                    tuple(block.pseudonyms[index] for index in kept),
                    {name: column[kept] for name, column in block.columns.items()},
                )
                database.execute(
                    "UPDATE scored SET members = ?, columns = ? WHERE run = ? AND block = ?",
                    (len(kept), _pack(left), run, number),
                )

    def _newest(self, where: str, values: tuple[str, ...]) -> Scoring | None:
        with self._store.reading() as database:
            row = database.execute(
                f"SELECT * FROM scorings WHERE {where} ORDER BY started DESC, rowid DESC LIMIT 1", values
            ).fetchone()
        return None if row is None else _scoring(row)


def ordered(pseudonyms: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Indices that put pseudonyms into the order of their bytes."""
    halves = np.frombuffer(b"".join(pseudonyms), dtype=">u8").astype(np.uint64).reshape(-1, 2)
    order = np.argsort(halves[:, 0])
    first = halves[order, 0]
    if (first[1:] == first[:-1]).any():  # eight bytes hardly ever agree; then all sixteen decide
        order = np.lexsort((halves[:, 1], halves[:, 0]))
    return order


def without(members: Sequence[bytes], gone: Collection[bytes]) -> list[bytes]:
    """Members in the order of their bytes, but for some of them."""
    if len(gone) > FEW:
        return [one for one in members if one not in gone]
    kept = list(members)
    for one in gone:
        place = bisect_left(kept, one)
        if place < len(kept) and kept[place] == one:
            del kept[place]
    return kept


def _scoring(row: Any) -> Scoring:
    run, study, package, work, started, released, done = row
    return Scoring(
        run=run,
        study=study,
        package=package,
        work=bytes(work),
        started=datetime.fromisoformat(started),
        released=None if released is None else bytes(released),
        done=None if done is None else datetime.fromisoformat(done),
    )


def _pack(block: Block) -> bytes:
    joined = np.frombuffer(b"".join(block.pseudonyms), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, pseudonyms=joined, **block.columns)
    return buffer.getvalue()


def _unpack(packed: bytes) -> Block:
    with np.load(io.BytesIO(packed), allow_pickle=False) as held:
        joined = held["pseudonyms"].tobytes()
        columns = {name: held[name] for name in held.files if name != "pseudonyms"}
    names = tuple(joined[start : start + PSEUDONYM_BYTES] for start in range(0, len(joined), PSEUDONYM_BYTES))
    return Block(names, columns)
