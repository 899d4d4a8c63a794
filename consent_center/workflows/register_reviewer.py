"""A person may review from now on, in one role, with one key that the hub never holds."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from federated.approvals import Pinned
from federated.passkey_signature import key_text
from federated.plan import digest


def register_reviewer(tx: Transaction, pinned: Pinned, *, credential: bytes | None = None, at: datetime) -> None:
    """Keep a reviewer's public key, role and organisation; earlier answers stay valid under her earlier key.

    Args:
        tx: the transaction.
        pinned: who, as what, with which public key.
        credential: the passkey that holds the key; None for a key file.
        at: now.

    Raises:
        StaffError: she is of the staff in another role or organisation, or no longer.
    """
    person = staff.find(tx, pinned.reviewer)
    if person is not None:
        told = (person.answers_as, person.organisation)
        if not person.is_here(at=at) or told != (pinned.role, pinned.organisation):
            raise StaffError("this person does not answer studies in this role: change her account first")
    entry = tx.append(
        Event(
            "reviewer.registered",
            public={"role": pinned.role, "key": digest(key_text(pinned.key).encode("ascii"))},
            private={"reviewer": pinned.reviewer, "organisation": pinned.organisation},
        ),
        at=at,
    )
    studies.add_reviewer(tx, pinned, entry=entry, credential=credential)


def key_of(tx: Transaction, *, reviewer: str) -> tuple[Pinned, bytes | None] | None:
    """A query: a reviewer's key and the passkey that holds it (None for a key file); None if none is registered."""
    return studies.find_reviewer(tx, reviewer)


def show_reviewers(tx: Transaction) -> list[Pinned]:
    """A query: every reviewer with her newest key, for sites that pin them."""
    return studies.reviewers(tx)
