"""A member unlinks her account at a site; linking again gives a new pseudonym and a new cohort key."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import members
from consent_center.storage.transaction import Transaction


def unenrol_member(tx: Transaction, member: str, site: str, *, at: datetime) -> None:
    """End the link; from now on she is in no cohort of this site.

    Raises:
        UnknownMemberError: no such member.
        EnrolmentError: she is not linked there.
    """
    number = members.get(tx, member).no
    members.end_enrolment(tx, number, site, at=at)
    tx.append(Event.of("member.unenrolled", private={"site": site}, member=number), at=at)
