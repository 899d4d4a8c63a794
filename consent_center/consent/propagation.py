"""Telling every recipient of a change that takes something away, in time.

Laws: a verdict says no at once, whether or not anybody was told; each affected recipient gets one task per change,
with a due time; a task ends with a recorded outcome, and one that is overdue raises an alarm.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent_center.consent.grant import Act
from consent_center.consent.jurisdiction import of_country
from consent_center.consent.scope import Item

TAKES_AWAY = frozenset({Act.WITHDRAWN, Act.REVOKED, Act.INVALIDATED, Act.PAUSED})
"""Acts that recipients are told of; expiry is told by the sweep."""

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=1)


class Outcome(StrEnum):
    """How an attempt to deliver ended. All but the first two are tried again."""

    DELIVERED = "delivered"
    NOTHING_HELD = "nothing-held"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMED_OUT = "timed-out"


DONE = frozenset({Outcome.DELIVERED, Outcome.NOTHING_HELD})


@dataclass(frozen=True, slots=True)
class Task:
    """One recipient is to be told of one change.

    Attributes:
        id: random; the webhook's message id, the same at every attempt, so that the recipient drops repetitions.
        change: what happened: an act, or "expired".
        pseudonym: hers at the recipient, 32 hexadecimal digits; empty if the recipient holds nothing of hers.
        items: what is no longer allowed there.
        due_at: by when it must be told.
        attempts: how often it was tried.
    """

    id: str
    recipient: str
    change: str
    pseudonym: str
    items: tuple[Item, ...]
    said_at: datetime
    due_at: datetime
    attempts: int = 0

    def body(self) -> dict[str, object]:
        """What the recipient receives."""
        return {
            "type": "consent.ended",
            "change": self.change,
            "pseudonym": self.pseudonym,
            "items": [str(item) for item in self.items],
            "said_at": self.said_at.isoformat(),
            "due_at": self.due_at.isoformat(),
        }


def by_recipient(items: Iterable[Item], also: Iterable[tuple[str, Item]] = ()) -> Mapping[str, tuple[Item, ...]]:
    """The items of each affected recipient.

    Args:
        items: each affects its own recipient.
        also: further recipients that an item affects: the other end of a linkage.
    """
    found: dict[str, tuple[Item, ...]] = {}
    for recipient, item in (*((item.recipient, item) for item in items), *also):
        found[recipient] = (*found.get(recipient, ()), item)
    return found


def due(items: Iterable[Item], *, at: datetime) -> datetime:
    """By when a recipient must know: the shortest clock of the countries concerned."""
    return at + min(of_country(item.country).propagation for item in items)


def wait(attempts: int) -> timedelta:
    """How long to wait after this many failed attempts: 5 s, doubled each time, at most an hour."""
    doubled: timedelta = FIRST_WAIT * (1 << min(attempts - 1, 16))
    return min(doubled, LONGEST_WAIT)
