"""The programme ends a member's consents itself, and says why; only a member withdraws."""

from datetime import datetime

from consent_center.consent.grant import HUB, YES, Act, Recorded, Said, Statement, latest_choice
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.errors import StatementError
from consent_center.events import Event
from consent_center.storage import members, statements
from consent_center.storage import staff as people
from consent_center.storage.columns import EntryId
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StaffError
from consent_center.studies.roles import Act as MayDo
from consent_center.studies.roles import Role
from consent_center.workflows._say import say
from consent_center.workflows.answer_decision import LONGEST

_NO_CHOICES = "0" * 64


def revoke_consent(
    tx: Transaction, member: str, *, purpose: str, recipient: str = "", reason: str, staff: str, at: datetime
) -> list[Recorded]:
    """Record that the programme ends what a member allows for a purpose; recipients are told, and so is she.

    Args:
        tx: the transaction.
        member: whom it is about.
        purpose: what her data may no longer be used for.
        recipient: whose use ends; empty for everybody's.
        reason: why, in words that she reads.
        staff: who decides it; compliance, and she sees that her choices were read.
        at: now.

    Returns:
        One statement for each notice under which she had said yes.

    Raises:
        UnknownMemberError: no such member.
        StaffError: somebody who may not.
        StatementError: no reason or an endless one, or nothing of it is allowed now.
    """
    if not reason.strip() or len(reason) > LONGEST:
        raise StatementError(f"revoking needs a reason that the member can be told, of at most {LONGEST} characters")
    person = people.get(tx, staff)
    if not (person.is_here(at=at) and person.may(MayDo.READ_MEMBER)):
        raise StaffError("only compliance ends members' consents: name one of its accounts")
    number = members.get(tx, member).no
    ended: dict[tuple[str, int], list[Item]] = {}
    for item, stands in _standing(tx, member, at=at).items():
        if item.purpose == purpose and recipient in ("", item.recipient):
            ended.setdefault((stands.notice, stands.notice_version), []).append(item)
    if not ended:
        raise StatementError("she allows nothing of it now, so there is nothing to end: look at the purpose's code")
    private = {
        "staff": person.name,
        "role": Role.COMPLIANCE.value,
        "reason": reason,
        "fields": ["choices"],
        "until": None,
    }
    tx.append(Event.of("member.read", private=private, member=number), at=at)
    said = [
        Utterance(member, Act.REVOKED, tuple(items), *notice, "en", _NO_CHOICES, actor=HUB, reason=reason)
        for notice, items in ended.items()
    ]
    return say(tx, said, at=at)


def _standing(tx: Transaction, member: str, *, at: datetime) -> dict[Item, Statement]:
    """The yes that stands for each item that she allows now."""
    made = dict(statements.history(tx, member))
    about: dict[Item, list[Said]] = {}
    for entry, one in made.items():
        for item in one.items:
            about.setdefault(item, []).append(Said(one.act, one.at, one.expires_at, entry=entry))
    latest = {item: latest_choice(said, at=at) for item, said in about.items()}
    return {
        item: made[EntryId(last.entry)]
        for item, last in latest.items()
        if last is not None and last.act in YES and last.expires_at is not None and last.expires_at > at
    }
