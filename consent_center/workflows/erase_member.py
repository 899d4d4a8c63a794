"""A member is erased: what is held about her goes, her keys are destroyed, and the log keeps proof that it happened."""

from datetime import datetime

from consent_center.errors import ErasureError
from consent_center.events import Event
from consent_center.storage import delegations, erasure, members
from consent_center.storage.columns import seconds
from consent_center.storage.transaction import Transaction


def erase_member(tx: Transaction, member: str, *, even_untold: bool = False, at: datetime) -> None:
    """Erase a member from this database; every proof of what happened before still verifies.

    Erasure comes last: sites and recipients that still have to be told would otherwise never hear of it.

    Args:
        tx: the transaction, of the eraser's role.
        member: who.
        even_untold: go on although somebody was not told; an operator answers for telling them another way.
        at: now.

    Raises:
        UnknownMemberError: no such member, or erased already.
        ErasureError: somebody still has to be told.
    """
    known = members.get(tx, member)
    waiting = erasure.untold(tx, known.no)
    if waiting and not even_untold:
        raise ErasureError(waiting)
    for one in delegations.of_delegate(tx, member):
        if one.ended_at is None:
            about = members.get(tx, one.member).no
            ended = tx.append(Event.of("delegation.ended", private={"delegation": one.id}, member=about), at=at)
            delegations.end(tx, one.id, at=seconds(at), entry=ended)
    entry = tx.append(Event.of("member.erased", private={"told": not waiting}, member=known.no), at=at)
    erasure.erase(tx, known, entry=entry)
