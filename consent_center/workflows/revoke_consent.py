"""The programme ends consents itself, with a reason; only a member withdraws."""

from collections.abc import Sequence
from datetime import datetime

from consent_center.consent.grant import HUB, Act, Recorded
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.errors import StatementError
from consent_center.storage.transaction import Transaction
from consent_center.workflows._say import say


def revoke_consent(
    tx: Transaction, member: str, items: Sequence[Item], *, notice: str, version: int, reason: str, at: datetime
) -> Recorded:
    """Record that the programme ends these consents of a member.

    Args:
        tx: the transaction.
        member: whom it is about.
        items: what ends.
        notice: code of the notice under which they were given.
        version: its version.
        reason: a code, such as "contract-ended" or "site-closed".
        at: now.

    Raises:
        UnknownMemberError, UnknownNoticeError, UnknownItemError: somebody or something is not known.
        StatementError: no reason.
    """
    if not reason:
        raise StatementError("revoking needs a reason code that the member can be told")
    said = Utterance(member, Act.REVOKED, tuple(items), notice, version, "en", "0" * 64, actor=HUB, reason=reason)
    return say(tx, [said], at=at)[0]
