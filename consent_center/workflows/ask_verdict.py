"""May this be used now? Asked about one item or many, answered by the one pure function."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.scope import Item
from consent_center.consent.verdict import Verdict, verdict
from consent_center.storage import members
from consent_center.storage.facts import facts_of
from consent_center.storage.transaction import Transaction


def ask_verdict(tx: Transaction, member: str, items: Sequence[Item], *, at: datetime) -> list[Verdict]:
    """The verdicts on these items of one member, in the same order.

    Raises:
        UnknownMemberError: no such member.
    """
    known = members.get(tx, member)
    found = {item: verdict(item, facts, at=at) for _, item, facts in facts_of(tx, [known], items)}
    return [found[item] for item in items]
