"""A member has not decided: she closed the page, or chose "later"."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.grant import MEMBER, Act, Actor, Recorded
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say


def defer_consent(
    tx: Transaction,
    member: str,
    items: Sequence[Item],
    *,
    notice: str,
    version: int,
    language: str,
    choices: str,
    actor: Actor = MEMBER,
    at: datetime,
) -> Recorded:
    """Record that she was asked and did not decide; nothing is allowed by it.

    Args:
        tx: the transaction.
        member: whom it is about.
        items: what she was asked.
        notice: code of the notice that she read.
        version: its version.
        language: in which she read it.
        choices: SHA-256 of the choices as shown, hexadecimal (`consent.notice.choices_digest`).
        actor: who says it: the member, or a delegate or guardian.
        at: now.

    Raises:
        UnknownMemberError, UnknownNoticeError, UnknownItemError: somebody or something is not known.
        ActorError: this person may not say it.
    """
    said = Utterance(member, Act.DEFERRED, tuple(items), notice, version, language, choices, actor=actor)
    return say(tx, [said], at=at)[0]
