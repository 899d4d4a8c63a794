"""A member takes back what she allowed; it holds from the moment she says it."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.grant import MEMBER, Act, Actor, Recorded
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say


def withdraw_consent(
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
    """Record that she no longer allows these items; the next verdict says no.

    Args:
        tx: the transaction.
        member: whom it is about.
        items: what she withdraws, any number at once.
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
    said = Utterance(member, Act.WITHDRAWN, tuple(items), notice, version, language, choices, actor=actor)
    return say(tx, [said], at=at)[0]
