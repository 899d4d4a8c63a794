"""An attempt was refused: the refusing transaction is rolled back, and this one remembers it."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from consent_center.workflows._finding import open_finding


def record_refusal(tx: Transaction, *, study: str, code: str, at: datetime) -> None:
    """Append an entry about a refused run, and open a finding for whoever answers for the study.

    Args:
        tx: the transaction.
        study: the study it was about.
        code: the reason code of the refusal.
        at: now.
    """
    tx.append(Event("run.refused", public={"study": study, "code": code}), at=at)
    _blame(tx, study, at=at)


def record_refused_answer(tx: Transaction, *, study: str, code: str, at: datetime) -> None:
    """Append an entry about an answer that did not count, and open a finding; nothing else changes."""
    if not studies.exists(tx, study):
        return
    tx.append(
        Event("approval.refused", public={"study": study, "plan": studies.get(tx, study).plan_digest, "code": code}),
        at=at,
    )
    _blame(tx, study, at=at)


def _blame(tx: Transaction, study: str, *, at: datetime) -> None:
    if studies.exists(tx, study):
        open_finding(tx, "refused-attempt", study, owner=studies.get(tx, study).accountable, at=at)
