"""Somebody of the staff signs in: by a one-time link in development, by the programme's identity provider in earnest.

Laws: a link works once, for ten minutes; a session ends 15 minutes after she was last seen and 8 hours after she
signed in, and at once when her account ends.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import begun, staff
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person

LINK_LIVES = timedelta(minutes=10)
IDLE = timedelta(minutes=15)
ABSOLUTE = timedelta(hours=8)
TOUCH_EVERY = timedelta(minutes=1)
PENDING = "staff-oidc"


class StaffLinkError(StaffError):
    """The link signs nobody in (any more)."""


@dataclass(frozen=True, slots=True)
class StaffInForce:
    """A session in force, and whose."""

    person: Person
    signed_in_at: datetime
    seen_at: datetime


def hand_out_staff_link(tx: Transaction, *, link: bytes, person: str, at: datetime) -> None:
    """Keep a one-time link for somebody of the staff.

    Raises:
        UnknownPersonError: nobody is called this.
        StaffLinkError: she is no longer here.
    """
    if not staff.get(tx, person).is_here(at=at):
        raise StaffLinkError("this account has ended: an administrator can open it again")
    staff.add_link(tx, link, person=person, at=at)


def check_staff_link(tx: Transaction, *, link: bytes, at: datetime) -> Person:
    """A query: whom a link would sign in now.

    Raises:
        StaffLinkError: nobody.
    """
    found = staff.link(tx, link)
    if found is None or found[2] or not found[1] <= at < found[1] + LINK_LIVES:
        raise StaffLinkError("this link does not work (any more): ask for a new one")
    person = staff.get(tx, found[0])
    if not person.is_here(at=at):
        raise StaffLinkError("this account has ended: an administrator can open it again")
    return person


def sign_in_by_staff_link(tx: Transaction, *, link: bytes, session: bytes, at: datetime) -> Person:
    """Use a link up and sign its browser in.

    Raises:
        StaffLinkError: nobody can sign in with it.
    """
    person = check_staff_link(tx, link=link, at=at)
    if not staff.use_link(tx, link, at=at):
        raise StaffLinkError("this link was used already: ask for a new one")
    return _signed_in(tx, person, session=session, method="link", at=at)


def begin_staff_identity(tx: Transaction, *, holder: bytes, payload: str, at: datetime) -> None:
    """Remember what this browser must bring back from the identity provider within ten minutes."""
    begun.put(tx, holder, PENDING, payload, at=at)


def know_identity(tx: Transaction, *, issuer: str, subject: str, person: str, at: datetime) -> None:
    """From now on this subject of an identity provider signs in as this person; if it does already, nothing is done.

    Raises:
        UnknownPersonError: nobody is called this.
    """
    known = staff.get(tx, person)
    if staff.person_of_identity(tx, issuer=issuer, subject=subject) == person:
        return
    staff.put_identity(tx, issuer=issuer, subject=subject, person=person)
    public = {"action": "identity.linked", "role": min(known.roles).value}
    tx.append(Event("staff.acted", public=public, private={"person": person, "issuer": issuer}), at=at)


def sign_in_by_staff_identity(
    tx: Transaction, *, identify: Callable[[str], tuple[str, str]], holder: bytes, session: bytes, at: datetime
) -> Person:
    """Sign in with what the identity provider said.

    Args:
        tx: the transaction.
        identify: checks the answer against what the browser had begun, returns issuer and subject.
        holder: fingerprint of the browser that was sent there.
        session: fingerprint of the new session's secret.
        at: now.

    Raises:
        StaffLinkError: it took too long, or nobody here is known by this subject.
    """
    taken = begun.take(tx, holder, PENDING)
    if taken is None or at >= taken[1] + LINK_LIVES:
        raise StaffLinkError("the sign-in took too long, or began in another browser: start again")
    issuer, subject = identify(taken[0])
    name = staff.person_of_identity(tx, issuer=issuer, subject=subject)
    person = None if name is None else staff.find(tx, name)
    if person is None or not person.is_here(at=at):
        raise StaffLinkError("nobody here is known by this sign-in: ask an administrator for an account")
    return _signed_in(tx, person, session=session, method="oidc", at=at)


def staff_in_force(tx: Transaction, *, fingerprint: bytes, at: datetime) -> StaffInForce | None:
    """A query: who is signed in with this browser, or None."""
    found = staff.session(tx, fingerprint)
    if found is None or at >= found.seen_at + IDLE or at >= found.signed_in_at + ABSOLUTE:
        return None
    person = staff.find(tx, found.person)
    if person is None or not person.is_here(at=at):
        return None
    return StaffInForce(person, found.signed_in_at, found.seen_at)


def touch_staff(tx: Transaction, *, fingerprint: bytes, at: datetime) -> None:
    """The browser was just here."""
    staff.touch_session(tx, fingerprint, at=at)


def sign_staff_out(tx: Transaction, *, fingerprint: bytes) -> None:
    """End the session of this browser."""
    staff.drop_session(tx, fingerprint)


def _signed_in(tx: Transaction, person: Person, *, session: bytes, method: str, at: datetime) -> Person:
    staff.add_session(tx, session, person=person.id, method=method, at=at)
    public = {"action": "signed-in", "role": min(person.roles).value}
    tx.append(Event("staff.acted", public=public, private={"person": person.id, "method": method}), at=at)
    return person
