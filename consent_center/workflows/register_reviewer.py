"""A person may review from now on, in one role, with one key that the hub never holds."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from federated.approvals import Pinned
from federated.plan import digest


def register_reviewer(tx: Transaction, pinned: Pinned, *, at: datetime) -> None:
    """Keep a reviewer's public key, role and organisation."""
    entry = tx.append(
        Event(
            "reviewer.registered",
            public={"role": pinned.role, "key": digest(pinned.key.public_bytes_raw())},
            private={"reviewer": pinned.reviewer, "organisation": pinned.organisation},
        ),
        at=at,
    )
    studies.add_reviewer(tx, pinned, entry=entry)
