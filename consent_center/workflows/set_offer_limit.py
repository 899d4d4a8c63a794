"""A member says how many offers a month she wants at most; whoever sends offers must ask before each."""

from datetime import datetime

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import limits, members
from consent_center.storage.transaction import Transaction

MOST = 31
"""The highest limit she can set: one a day. Without a limit of hers the programme's own holds."""


def set_offer_limit(tx: Transaction, member: str, *, most: int, at: datetime) -> int:
    """Keep her limit.

    Args:
        tx: the transaction.
        member: whose.
        most: offers a month, 0 to 31; 0 means none.
        at: now.

    Raises:
        UnknownMemberError: no such member.
        RuleError: not from 0 to 31.
    """
    if not 0 <= most <= MOST:
        raise RuleError(f"a limit is from 0 to {MOST} offers a month")
    number = members.get(tx, member).no
    entry = tx.append(Event.of("switch.set", private={"switch": "most-offers", "most": most}, member=number), at=at)
    limits.add(tx, number, most, at=at, entry=entry)
    return most


def offer_limit(tx: Transaction, member: str) -> int | None:
    """A query for `store.read`: the limit that stands; None if she never set one.

    Raises:
        UnknownMemberError: no such member.
    """
    return limits.newest(tx, members.get(tx, member).no)
