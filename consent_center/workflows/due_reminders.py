"""Whom to remind that a use of her data goes on: 90 days after she last answered or looked, and every 90 days again.

Nothing is stored: who is due between two moments follows from when she was last heard of, so whoever sends the letters
asks for the time since it last asked, and nobody is reminded twice or forgotten.

Source: Australia, Competition and Consumer (Consumer Data Right) Rules 2020, rule 4.20.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.catalogue import published
from consent_center.consent.scope import Item
from consent_center.consent.verdict import verdict
from consent_center.storage import definitions, last_heard, members
from consent_center.storage.bulk import chunks
from consent_center.storage.facts import facts_of
from consent_center.storage.last_heard import Heard
from consent_center.storage.transaction import Transaction

EVERY = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Reminder:
    """One member who is to be reminded.

    Attributes:
        going: what may be used of hers now; at least one.
        last: when she last answered or looked.
        language: in which she last answered.
    """

    member: str
    going: tuple[Item, ...]
    last: datetime
    language: str


def is_due(last: datetime, *, after: datetime, at: datetime) -> bool:
    """Whether a whole number of 90 days since `last` ended after `after` and not after `at`."""
    return at - last >= EVERY and (at - last) // EVERY > (after - last) // EVERY


def due_reminders(tx: Transaction, *, after: datetime, at: datetime) -> list[Reminder]:
    """A query for `store.read`: who became due after one moment and not after another, if anything goes on.

    Args:
        tx: the transaction.
        after: when reminders were last asked for.
        at: now.
    """
    due = [one for one in last_heard.last_heard(tx) if is_due(one.last_at, after=after, at=at)]
    asked = [item for notice in published(definitions.catalogue(tx), at) for item in notice.items]
    found: list[Reminder] = []
    for some in chunks(due):
        found += _going(tx, some, asked, at=at)
    return found


def _going(tx: Transaction, due: Sequence[Heard], asked: Sequence[Item], *, at: datetime) -> list[Reminder]:
    known = members.get_many(tx, [one.member for one in due])
    going: dict[str, list[Item]] = {}
    for person, item, facts in facts_of(tx, list(known.values()), asked):
        if verdict(item, facts, at=at).allowed:
            going.setdefault(person.member, []).append(item)
    return [
        Reminder(one.member, tuple(going[one.member]), one.last_at, one.language) for one in due if one.member in going
    ]
