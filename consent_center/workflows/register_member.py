"""A person joins the programme. Joining says yes to nothing."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.events import Event
from consent_center.storage import member_keys, members
from consent_center.storage.members import Member
from consent_center.storage.transaction import Transaction


def register_member(tx: Transaction, *, guarded_until: datetime | None = None, at: datetime) -> str:
    """Register one member and return her identifier.

    Args:
        tx: the transaction.
        guarded_until: until when she needs a guardian (her fourteenth birthday under PIPL); None if never.
        at: now.
    """
    return register_members(tx, [guarded_until], at=at)[0]


def register_members(tx: Transaction, guarded_until: Sequence[datetime | None], *, at: datetime) -> list[str]:
    """Register many members at once, one per element; returns their identifiers in the same order."""
    numbers = members.next_numbers(tx, len(guarded_until))
    joined = [Member(no, members.new_identifier(), until) for no, until in zip(numbers, guarded_until, strict=True)]
    member_keys.create(tx, numbers)
    entries = tx.append_all(
        [Event.of("member.registered", private={"member": one.member}, member=one.no) for one in joined], at=at
    )
    members.add_many(tx, joined, entries, at=at)
    return [one.member for one in joined]
