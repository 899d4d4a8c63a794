"""A member says yes."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.grant import MEMBER, Act, Actor, Recorded
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say


def give_consent(
    tx: Transaction,
    member: str,
    items: Sequence[Item],
    *,
    notice: str,
    version: int,
    language: str,
    choices: str,
    expires_at: datetime | None = None,
    actor: Actor = MEMBER,
    at: datetime,
) -> Recorded:
    """Record that she allows these items under this notice.

    Args:
        tx: the transaction.
        member: whom it is about.
        items: what she allows; items that need separate consent come one separation key at a time.
        notice: code of the notice that she read.
        version: its version.
        language: in which she read it.
        choices: SHA-256 of the choices as shown, hexadecimal (`consent.notice.choices_digest`).
        expires_at: a sooner end than the purposes allow; None for the longest they allow.
        actor: who says it: the member, or a delegate or guardian.
        at: now.

    Raises:
        UnknownMemberError, UnknownNoticeError, UnknownItemError: somebody or something is not known.
        NoticeError: the notice is not open.
        SeparateConsentError: the items need separate consents.
        SupersededError: a no of the same second or later stands.
        ActorError: this person may not say it.
    """
    said = Utterance(
        member, Act.GIVEN, tuple(items), notice, version, language, choices, expires_at=expires_at, actor=actor
    )
    return say(tx, [said], at=at)[0]
