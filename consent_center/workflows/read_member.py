"""Somebody of the staff reads about a member: the entry is written first, the member sees it, and most of it is masked.

Law: nothing is returned unless the entry that says who looked, at what and why is committed with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.grant import STRICTNESS, counts
from consent_center.events import Event
from consent_center.storage import definitions, members, statements
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Act

LONGEST = timedelta(hours=8)
SHORTEST = 10


@dataclass(frozen=True, slots=True)
class SeenItem:
    """One item of a member as the staff sees it: what, the last act, and when (only the month while masked)."""

    item: str
    act: str
    said_at: str


@dataclass(frozen=True, slots=True)
class SeenMember:
    """A member as the staff sees her.

    Attributes:
        member: masked to its first four characters unless unmasked.
        until: when an unmasked view ends.
    """

    member: str
    sites: tuple[str, ...]
    items: tuple[SeenItem, ...]
    until: datetime | None


def read_member(
    tx: Transaction,
    member: str,
    *,
    person: Person,
    reason: str,
    unmask_until: datetime | None = None,
    export: bool = False,
    at: datetime,
) -> SeenMember:
    """Read what a member said, with an entry that she sees.

    Args:
        tx: a writing transaction.
        member: her identifier.
        person: who looks.
        reason: why, at least a sentence; the member reads it.
        unmask_until: until when an unmasked view is needed, at most 8 hours; None for a masked one.
        export: does it leave the console as a file? The member reads that too.
        at: now.

    Raises:
        UnknownMemberError: no such member.
        StaffError: somebody who may not, no reason, or an unmasked view without an end.
    """
    if not person.may(Act.READ_MEMBER) or (unmask_until is not None and not person.may(Act.UNMASK_MEMBER)):
        raise StaffError("your role does not read about single members")
    if len(reason.strip()) < SHORTEST:
        raise StaffError("say why, in at least a sentence: the member reads it")
    if unmask_until is not None and not at < unmask_until <= at + LONGEST:
        raise StaffError("an unmasked view ends, within 8 hours")
    number = members.get(tx, member).no
    fields = ["choices"] if unmask_until is None else ["choices", "identifier", "times"]
    fields += ["export"] if export else []
    tx.append(
        Event(
            "member.read",
            private={
                "staff": person.name,
                "role": min(person.roles).value,
                "reason": reason.strip(),
                "fields": fields,
                "until": None if unmask_until is None else unmask_until.isoformat(),
            },
            member=number,
        ),
        at=at,
    )
    catalogue = definitions.catalogue(tx)
    said = statements.said_about(tx, [number], list(catalogue.items.values()))
    masked = unmask_until is None
    items = []
    for item, item_no in catalogue.items.items():
        about = [one for one in said.get((number, item_no), ()) if counts(one, at=at)]
        if about:
            last = max(about, key=lambda one: (one.at, STRICTNESS[one.act]))
            when = last.at.strftime("%Y-%m") if masked else last.at.isoformat(timespec="minutes")
            items.append(SeenItem(str(item), last.act.value, when))
    sites = tuple(sorted({one.site for one in members.enrolments(tx, member)}))
    shown = f"{member[:4]}…" if masked else member
    return SeenMember(shown, sites, tuple(items), unmask_until)
