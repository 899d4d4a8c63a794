"""Who is of the staff: an administrator makes, changes and ends accounts; reviewers name who stands in for them."""

import re
from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import staff
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person, StandIn
from consent_center.studies.roles import Act, Role, check_roles

LONGEST_STAND_IN = timedelta(days=60)
LONGEST_AUDITOR = timedelta(days=180)
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


def keep_person(tx: Transaction, person: Person, *, by: str = "", at: datetime) -> None:
    """Make an account, or change it; whoever is signed in with fewer rights now is signed out.

    Args:
        tx: the transaction.
        person: as she shall be.
        by: who changes it; empty only for the very first account of a programme.
        at: now.

    Raises:
        StaffError: roles that cannot be joined, an auditor for longer than 180 days, an administrator who changes her
            own account, or somebody who is no administrator.
    """
    check_roles(person.roles, site=person.site, ends=person.ends_at is not None)
    if not _ID.fullmatch(person.id):
        raise StaffError("an account is named by 1 to 64 lower-case letters, digits and inner hyphens")
    if not (person.name.strip() and person.organisation.strip()):
        raise StaffError("an account has a name and an organisation: none may be empty")
    if Role.AUDITOR in person.roles and person.ends_at is not None and person.ends_at > at + LONGEST_AUDITOR:
        raise StaffError("an external auditor comes for at most 180 days: set an earlier last day")
    if by:
        actor = staff.get(tx, by)
        if not (actor.is_here(at=at) and actor.may(Act.EDIT_PEOPLE)):
            raise StaffError("only an administrator changes accounts")
        if by == person.id:
            raise StaffError("nobody changes her own account: ask another administrator")
    elif staff.everybody(tx):
        raise StaffError("only an administrator changes accounts")
    known = staff.find(tx, person.id)
    action = "account.made" if known is None else "account.changed"
    _append(tx, action, person, by=by, at=at)
    if known is not None and (not person.is_here(at=at) or known.roles - person.roles or known.site != person.site):
        staff.drop_sessions_of(tx, person.id)


def stand_in(tx: Transaction, *, reviewer: str, stand_in: str, ends: datetime, at: datetime) -> StandIn:
    """A reviewer lets somebody answer in her role while she is away.

    Sites count such an answer only if they pinned the stand-in in that role themselves.

    Raises:
        StaffError: to herself, for longer than 60 days, by or to somebody who does not answer studies, or to somebody
            of another duty, a site to somebody of another organisation, or who stands in for her already.
        UnknownPersonError: nobody is called this.
    """
    giver, taker = staff.get(tx, reviewer), staff.get(tx, stand_in)
    role = giver.answers_as
    if role is None or taker.answers_as is None or not (giver.is_here(at=at) and taker.is_here(at=at)):
        raise StaffError("only somebody who answers studies can stand in, for somebody who does")
    if reviewer == stand_in or not at < ends <= at + LONGEST_STAND_IN:
        raise StaffError("name somebody else, for at most 60 days")
    if role.startswith("site:") != taker.answers_as.startswith("site:"):
        raise StaffError("a site is answered for by people of sites, the programme by its reviewers: name another")
    if role.startswith("site:") and giver.organisation != taker.organisation:
        raise StaffError("a site is answered for by its own organisation: name somebody of it")
    if any(one.reviewer == reviewer for one in staff.stand_ins(tx, at=at, stand_in=stand_in)):
        raise StaffError("this person stands in for her already: end that first")
    given = StandIn(0, reviewer, role, stand_in, at, ends)
    entry = tx.append(
        Event(
            "staff.acted",
            public={"action": "stand-in.given", "role": role},
            private={"reviewer": reviewer, "stand_in": stand_in, "until": ends.isoformat()},
        ),
        at=at,
    )
    staff.add_stand_in(tx, given, entry=entry)
    return given


def end_stand_in(tx: Transaction, number: int, *, by: str, at: datetime) -> None:
    """End a stand-in before its last day; what was answered meanwhile keeps counting.

    Args:
        tx: the transaction.
        number: of the stand-in, as `show_staff` tells it.
        by: the reviewer who lent her role, the one who stands in, or an administrator.
        at: now.

    Raises:
        StaffError: nobody stands in under this number, or somebody else wants to end it.
        UnknownPersonError: nobody is called this.
    """
    given = next((one for one in staff.stand_ins(tx, at=at) if one.number == number), None)
    if given is None:
        raise StaffError("nobody stands in under this number: it has ended, look at the list again")
    actor = staff.get(tx, by)
    if not actor.is_here(at=at) or not (by in (given.reviewer, given.stand_in) or actor.may(Act.EDIT_PEOPLE)):
        raise StaffError("only she who lent her role, her stand-in or an administrator ends it: ask one of them")
    tx.append(
        Event(
            "staff.acted",
            public={"action": "stand-in.ended", "role": given.role},
            private={"reviewer": given.reviewer, "stand_in": given.stand_in, "by": by},
        ),
        at=at,
    )
    staff.end_stand_in(tx, number, at=at)


def show_staff(tx: Transaction, *, at: datetime) -> tuple[list[Person], list[StandIn]]:
    """A query: everybody, and who stands in for whom now."""
    return staff.everybody(tx), staff.stand_ins(tx, at=at)


def show_names(tx: Transaction) -> dict[str, str]:
    """A query: account -> name, of everybody who ever was here."""
    return {one.id: one.name for one in staff.everybody(tx)}


def _append(tx: Transaction, action: str, person: Person, *, by: str, at: datetime) -> None:
    private = {
        "person": person.id,
        "roles": sorted(person.roles),
        "organisation": person.organisation,
        "site": person.site,
        "ends_at": None if person.ends_at is None else person.ends_at.isoformat(),
        "by": by,
    }
    entry = tx.append(
        Event("staff.acted", public={"action": action, "role": min(person.roles).value}, private=private), at=at
    )
    staff.add(tx, person, entry=entry)
