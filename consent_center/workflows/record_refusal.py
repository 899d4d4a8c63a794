"""An attempt was refused: the refusing transaction is rolled back, and this one remembers it."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage.transaction import Transaction


def record_refusal(tx: Transaction, *, study: str, code: str, at: datetime) -> None:
    """Append an entry about a refused run; nothing else changes.

    Args:
        tx: the transaction.
        study: the study it was about.
        code: the reason code of the refusal.
        at: now.
    """
    tx.append(Event("run.refused", public={"study": study, "code": code}), at=at)
