"""A member links her account at a site: the site learns a random pseudonym, nothing else."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.recipient import Recipient
from consent_center.errors import EnrolmentError, UnknownDefinitionError
from consent_center.events import Event
from consent_center.storage import definitions, member_keys, members
from consent_center.storage.members import Enrolment
from consent_center.storage.transaction import Transaction


def enrol_member(tx: Transaction, member: str, site: str, *, at: datetime) -> Enrolment:
    """Link one member at one site.

    Returns:
        Her pseudonym and cohort key at this site, to be handed to the site once, over its own channel.

    Raises:
        UnknownMemberError: no such member.
        UnknownDefinitionError: no recipient of this name.
        EnrolmentError: she is linked there already.
    """
    return enrol_members(tx, [member], site, at=at)[0]


def enrol_members(tx: Transaction, wanted: Sequence[str], site: str, *, at: datetime) -> list[Enrolment]:
    """Link many members at one site; results in the same order."""
    recipient: Recipient | None = definitions.catalogue(tx).recipients.get(site)
    if recipient is None:
        raise UnknownDefinitionError(site, "define the site as a recipient first")
    known = members.get_many(tx, wanted)
    numbers = [known[one].no for one in wanted]
    before = members.times_enrolled(tx, numbers, site)
    if len(set(numbers)) != len(numbers) or any(linked for _, linked in before.values()):
        raise EnrolmentError("the member is linked at this site already: unlink first")
    keys = member_keys.read(tx, numbers)
    made = []
    for number in numbers:
        again, _ = before.get(number, (0, False))
        key = member_keys.site_key(keys[number], site, again=again)
        made.append((number, Enrolment(site, secrets.token_bytes(16), key)))
    entries = tx.append_all(
        [
            Event.of(
                "member.enrolled",
                private={"site": site, "pseudonym": one.pseudonym.hex(), "cohort_key": one.cohort_key.hex()},
                member=number,
            )
            for number, one in made
        ],
        at=at,
    )
    members.enrol_many(tx, made, entries, at=at)
    return [one for _, one in made]
