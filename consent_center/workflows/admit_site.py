"""A site joins or leaves: each step of the programme is an entry of the log."""

from datetime import datetime

from consent_center.errors import UnknownDefinitionError
from consent_center.events import Event
from consent_center.storage import definitions, members, staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from federated.approvals import Pinned
from federated.passkey_signature import key_text
from federated.plan import digest
from federated.signed import Signed, encode
from federated.site.joining import SiteRequest


def invite_site(tx: Transaction, site: str, invitation: Signed, *, at: datetime) -> None:
    """Record that a site was invited, and with which document.

    Raises:
        UnknownDefinitionError: no recipient of members' data is called this.
    """
    if site not in definitions.catalogue(tx).recipients:
        raise UnknownDefinitionError(site, "define the brand or department as a recipient first")
    tx.append(Event("site.invited", public={"site": site, "document": digest(invitation.payload)}), at=at)


def approve_site(tx: Transaction, request: SiteRequest, document: Signed, *, at: datetime) -> None:
    """Record that a site may connect, and let it answer studies under its own key.

    Args:
        tx: the transaction.
        request: what the site asked to be approved with.
        document: the same, as the site signed it.
        at: now.

    Raises:
        StaffError: somebody of the staff has the site's name.
    """
    role = f"site:{request.site}"
    if staff.find(tx, role) is not None:
        raise StaffError("a person of the staff has this site's name: change her account first")
    tx.append(Event("site.approved", public={"site": request.site, "document": digest(document.payload)}), at=at)
    pinned = Pinned(role, role, request.organisation, request.approval)
    known = studies.find_reviewer(tx, role)
    if known is not None and known[0] == pinned:
        return
    entry = tx.append(
        Event(
            "reviewer.registered",
            public={"role": role, "key": digest(key_text(pinned.key).encode("ascii"))},
            private={"reviewer": role, "organisation": request.organisation},
        ),
        at=at,
    )
    studies.add_reviewer(tx, pinned, entry=entry, credential=None)


def revoke_site(tx: Transaction, site: str, *, at: datetime) -> None:
    """Record that a site may not connect any more."""
    tx.append(Event("site.revoked", public={"site": site}), at=at)


def hand_out_enrolments(tx: Transaction, site: str, *, at: datetime) -> list[tuple[bytes, bytes]]:
    """Pseudonym and cohort key of every member who linked her account at a site, for that site alone."""
    found = members.enrolled_at(tx, site)
    listed = encode([[pseudonym.hex(), digest(key)] for pseudonym, key in found])
    tx.append(
        Event("export.made", public={"of": f"enrolments:{site}", "digest": digest(listed), "role": "administrator"}),
        at=at,
    )
    return found
