"""Many verdicts at once, from the packed state of everybody: up to 10,000 in one question."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from consent_center.consent.scope import Item
from consent_center.consent.verdict import Reason, verdict
from consent_center.storage import bits, members
from consent_center.storage.facts import facts_of
from consent_center.storage.transaction import Transaction


class Question(NamedTuple):
    """May this item of this member be used?"""

    member: str
    item: Item


def ask_verdicts(tx: Transaction, asked: Sequence[Question], *, at: datetime) -> list[Reason]:
    """A query for `store.read`: the reason of each verdict, in the same order; `Reason.ALLOWED` is a yes.

    Whether it is a yes is read from a bitmap per item; only a no is looked into for its reason.

    Somebody whom nobody registered is answered "unknown-member", never with an error, so that one of many does not
    hide the others.
    """
    items = {one.item for one in asked}
    numbers = members.numbers(tx, {one.member for one in asked})
    warm = bits.fresh(tx, items, at=at)
    with warm.lock:
        if all(one.newest <= at.timestamp() for one in warm.bits.items.values()):
            allowed = {item: warm.bits.allowed(item, at=at) for item in items}
            return [
                Reason.UNKNOWN_MEMBER
                if (number := numbers.get(member)) is None
                else Reason.ALLOWED
                if number in allowed[item]
                else warm.bits.reason(item, number, at=at)
                for member, item in asked
            ]
    people = list(members.find_many(tx, numbers).values())
    facts = facts_of(tx, people, items)
    answers = {(member.member, item): verdict(item, one, at=at).reason for member, item, one in facts}
    return [answers.get((one.member, one.item), Reason.UNKNOWN_MEMBER) for one in asked]


def members_meant(tx: Transaction, site: str, asked: Sequence[Question]) -> Sequence[Question]:
    """A query for `store.read`: the same questions under members' own identifiers.

    Args:
        tx: the transaction.
        site: the site whose pseudonyms the questions use; empty if they use identifiers already.
        asked: the questions; a pseudonym that nobody is linked under becomes an unknown member.
    """
    if not site:
        return asked
    known = members.by_pseudonym(tx, site, {bytes.fromhex(one.member) for one in asked})
    return [Question(known.get(bytes.fromhex(one.member), ""), one.item) for one in asked]
