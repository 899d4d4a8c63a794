"""Many statements at once: imports, the demo, and pages on which several items are answered."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.grant import Recorded
from consent_center.consent.speech import Utterance
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say


def make_statements(tx: Transaction, said: Sequence[Utterance], *, at: datetime) -> list[Recorded]:
    """Record these, all or none; each becomes one statement with one audit entry.

    Args:
        tx: the transaction.
        said: what was said, in any number and about any members; 10,000 to 20,000 at a time are fastest.
        at: now.

    Returns:
        Entry and statement of each, in the same order.

    Raises:
        UnknownMemberError, UnknownNoticeError, UnknownItemError: somebody or something is not known.
        StatementError: one of them may not be said (its subclasses say why).
        NoticeError: a yes to a notice that is not open.
    """
    return say(tx, said, at=at)
