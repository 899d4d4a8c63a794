"""Where a run stands at this site, and what it released: the crash rule, in three writes per run and two per round.

    open       the run's charge is in the ledger, its order and first nonce are kept
    begin      this attempt at this round is on the disk          -> only now may data be touched
    finish     output, digest and next nonce are on the disk      -> only now may output leave

A crash before `finish` leaves the attempt: the next one draws fresh noise and counts against the plan's attempts. A
crash after it changes nothing: the identical bytes are sent again, until the next round begins. Of an earlier round
only the digest of what left is kept, so a site's database does not grow by a model each round.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.errors import Refusal, RefusedError
from federated.site.store import SiteStore


@dataclass(frozen=True)
class Progress:
    """Where a run stands at this site.

    Attributes:
        order: reads the order as it came, to go on after a restart; as long as the cohort, so only who needs it does.
        number: the next round.
        nonce: what the statement for it must carry.
        epoch: the newest consent state seen in this run.
        removed: pseudonyms that must not be used any more; never shrinks.
    """

    run: str
    number: int
    nonce: str
    epoch: int
    removed: frozenset[bytes]
    order: Callable[[], bytes] = field(repr=False, compare=False)

    @property
    def work(self) -> bytes:
        """The order as it came."""
        return self.order()


class Journal:
    """The runs, attempts and outbox of one site."""

    def __init__(self, store: SiteStore) -> None:
        self._store = store

    def open(self, run: str, *, work: bytes, nonce: str, epoch: int) -> Progress:
        """Start a run, or return where it stands if it was started before."""
        with self._store.transaction() as database:
            database.execute("INSERT OR IGNORE INTO runs VALUES (?, ?, 1, ?, ?, x'')", (run, work, nonce, epoch))
            database.execute("INSERT OR IGNORE INTO standing VALUES (?, 1, ?, ?, x'')", (run, nonce, epoch))
        return self.progress(run)

    def progress(self, run: str) -> Progress:
        """Where a run stands.

        Raises:
            RefusedError: `round-out-of-order`: it was never opened here.
        """
        with self._store.reading() as database:
            row = database.execute(
                "SELECT run, number, nonce, epoch, removed FROM standing WHERE run = ?", (run,)
            ).fetchone()
        if row is None:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run was not opened at this site; send its order first")
        name, number, nonce, epoch, removed = row
        return Progress(name, number, nonce, epoch, _unpack(removed), order=lambda: self._order(name))

    def _order(self, run: str) -> bytes:
        with self._store.reading() as database:
            (work,) = database.execute("SELECT work FROM runs WHERE run = ?", (run,)).fetchone()
        return bytes(work)

    def released(self, run: str, number: int, request: str) -> bytes | None:
        """The bytes that were released for this request, None if the round is still to come.

        Raises:
            RefusedError: `round-out-of-order`: the round was answered, but to another request, or is long over.
        """
        with self._store.reading() as database:
            row = database.execute(
                "SELECT request, reply, digest FROM outbox WHERE run = ? AND number = ?", (run, number)
            ).fetchone()
        if row is None:
            return None
        answered, reply, digest = row
        if answered != request:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this round was answered with other weights")
        if not reply:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this round is over; ask for the run's present one")
        if hashlib.sha256(reply).hexdigest() != digest:
            raise RefusedError(Refusal.INTERNAL, "the outbox of this site is damaged; restore its database")
        return bytes(reply)

    def turn_to(self, progress: Progress, number: int) -> Progress:
        """Expect this round of a secure sum next: the last one again, whose vector was never opened, or a later one.

        Raises:
            RefusedError: `round-out-of-order`: an earlier round, or somebody else moved the run on.
        """
        if number < progress.number - 1 or number < 1:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this round is over at this site")
        if number == progress.number:
            return progress
        with self._store.transaction() as database:
            moved = database.execute(
                "UPDATE standing SET number = ? WHERE run = ? AND number = ? AND nonce = ?",
                (number, progress.run, progress.number, progress.nonce),
            )
            if moved.rowcount != 1:
                raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run went on meanwhile; ask for its present round")
            database.execute("DELETE FROM outbox WHERE run = ? AND number >= ?", (progress.run, number))
        return replace(progress, number=number)

    def begin(self, progress: Progress, *, request: str, epoch: int, removed: frozenset[bytes], most: int) -> Progress:
        """Record that data is about to be touched for the run's next round.

        Args:
            progress: where the run stands.
            request: digest of what was asked.
            epoch: of the statement that allows the round.
            removed: whom the statement names.
            most: attempts that the plan allows.

        Raises:
            RefusedError: `over-budget`: the attempts that were charged are used up; `round-out-of-order`: somebody
                else moved the run on.
        """
        now = replace(progress, epoch=epoch, removed=progress.removed | removed)
        with self._store.transaction() as database:
            (made,) = database.execute(
                "SELECT count(*) FROM attempts WHERE run = ? AND number = ?", (now.run, now.number)
            ).fetchone()
            if made >= most:
                raise RefusedError(Refusal.OVER_BUDGET, "the attempts that were charged for this round are used up")
            database.execute("INSERT INTO attempts VALUES (?, ?, ?, ?)", (now.run, now.number, made + 1, request))
            moved = database.execute(
                "UPDATE standing SET epoch = ?, removed = ? WHERE run = ? AND number = ? AND nonce = ?",
                (now.epoch, b"".join(sorted(now.removed)), now.run, now.number, now.nonce),
            )
            if moved.rowcount != 1:
                raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run went on meanwhile; ask for its present round")
            # Whoever asks for this round has settled those before it: their bytes are never asked for again.
            database.execute(
                "UPDATE outbox SET reply = x'' WHERE run = ? AND number < ? AND reply != x''", (now.run, now.number)
            )
        return now

    def finish(self, progress: Progress, *, request: str, reply: bytes, nonce: str) -> None:
        """Keep what is about to be released, and expect the next round."""
        with self._store.transaction() as database:
            database.execute(
                "INSERT INTO outbox VALUES (?, ?, ?, ?, ?)",
                (progress.run, progress.number, request, reply, hashlib.sha256(reply).hexdigest()),
            )
            database.execute(
                "UPDATE standing SET number = ?, nonce = ? WHERE run = ?", (progress.number + 1, nonce, progress.run)
            )


def _unpack(removed: bytes) -> frozenset[bytes]:
    return frozenset(removed[start : start + PSEUDONYM_BYTES] for start in range(0, len(removed), PSEUDONYM_BYTES))
