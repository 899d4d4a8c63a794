"""A batch of an import: its statements and how far it came, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.grant import Recorded
from consent_center.consent.speech import Utterance
from consent_center.errors import ConsentCenterError, ImportRefusedError
from consent_center.events import Event
from consent_center.storage import imports
from consent_center.storage.imports import Progress, RowError
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import check, say_each


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of an import.

    Attributes:
        start: number of rows before these.
        rows: what each says, or why it cannot be read.
        before: SHA-256 over the rows before these.
        digest: SHA-256 over all rows up to the last of these.
        last: is this the end of the file?
    """

    start: int
    rows: Sequence[Utterance | ConsentCenterError]
    before: str
    digest: str
    last: bool


def show_import(tx: Transaction, token: str, name: str) -> Progress:
    """A query for `store.read`: how far an import came; nothing read if it never began."""
    return imports.find(tx, token, name) or Progress()


def import_batch(tx: Transaction, token: str, name: str, batch: Batch, *, at: datetime) -> Progress:
    """Record the next rows of an import; rows that cannot be taken are noted with their numbers.

    Raises:
        ImportRefusedError: these are not the next rows, or another file was begun under this name.
    """
    so_far = imports.find(tx, token, name) or Progress()
    if so_far.finished or batch.start != so_far.rows_read:
        raise ImportRefusedError("the import is at another row: ask how far it is, and send the same file again")
    if batch.before != so_far.digest:
        raise ImportRefusedError("another file was begun under this name: choose a new name for this one")
    answers = say_each(tx, [one for one in batch.rows if isinstance(one, Utterance)], at=at)
    errors = _errors(batch, answers)
    kept = sum(isinstance(one, Recorded) for one in answers)
    imports.advance(
        tx,
        token,
        name,
        kept=kept,
        read=len(batch.rows),
        digest=batch.digest,
        finished=batch.last,
        errors=errors,
        at=at,
    )
    if batch.last:
        tx.append(Event.of("import.finished", public={"import": f"import.{batch.digest[:16]}", "digest": batch.digest}))
    return imports.find(tx, token, name) or Progress()


def rehearse_batch(tx: Transaction, batch: Batch, *, at: datetime) -> list[RowError]:
    """A query for `store.read`: which of these rows would not be taken, and why. Writes nothing."""
    answers: Sequence[object] = check(tx, [one for one in batch.rows if isinstance(one, Utterance)], at=at)
    return _errors(batch, answers)


def _errors(batch: Batch, answers: Sequence[object]) -> list[RowError]:
    given = iter(answers)
    found = []
    for offset, row in enumerate(batch.rows):
        answer = row if isinstance(row, ConsentCenterError) else next(given)
        if isinstance(answer, ConsentCenterError):
            code = type(answer).__name__.removesuffix("Error").lower()
            found.append(RowError(batch.start + offset + 1, code, str(answer)))
    return found
