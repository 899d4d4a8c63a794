"""Something out of order, with an owner and a clock.

Law: the same breach opens one finding, however often it is seen; a finding is closed by a person, with a reason.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS: dict[str, timedelta] = {
    "refused-attempt": timedelta(days=14),
    "deletion-overdue": timedelta(days=3),
    "right-overdue": timedelta(days=3),
    "propagation-overdue": timedelta(days=1),
    "review-overdue": timedelta(days=1),
    "contract-expired": timedelta(days=7),
    "return-missing": timedelta(days=30),
    "study-suspended": timedelta(days=7),
    "tool-risky": timedelta(days=30),
    "audit-failed": timedelta(days=7),
    "audit-overdue": timedelta(days=7),
}
"""What kinds there are, and how long the owner has."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something out of order.

    Attributes:
        kind: one of `CLOCKS`.
        about: what it is about, as a code: a study, a partner, a request.
        owner: the person who answers for it by name; empty if nobody does yet.
        due_at: by when it should be closed.
        closed_at: None while it is open.
    """

    number: int
    kind: str
    about: str
    owner: str
    opened_at: datetime
    due_at: datetime
    closed_at: datetime | None = None
    closed_by: str = ""
    reason: str = ""

    def is_late(self, *, at: datetime) -> bool:
        """Is it open past its clock?"""
        return self.closed_at is None and at >= self.due_at


def due_of(kind: str, *, at: datetime) -> datetime:
    """By when a finding of this kind should be closed."""
    return at + CLOCKS[kind]
