"""Delegations: somebody may speak for a member, on evidence, for a time.

Laws: a guardian speaks only for a member who needs one; no delegation without evidence, none without an end; nobody
is her own delegate.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from consent_center.consent.grant import Actor, ActorKind
from consent_center.consent.verdict import Window
from consent_center.errors import ActorError

LONGEST = timedelta(days=366 * 18)


class DelegationKind(StrEnum):
    """In what capacity somebody speaks for a member."""

    DELEGATE = "delegate"
    GUARDIAN = "guardian"


@dataclass(frozen=True, slots=True)
class Delegation:
    """Somebody may speak for a member.

    Attributes:
        id: its random identifier.
        member: for whom.
        kind: delegate or guardian.
        delegate: who may speak; an identifier of the hub's own, never a name.
        evidence: SHA-256 of the document that shows it, hexadecimal.
        begins, ends: when, `begins <= at < ends`.
        ended_at: when it was taken back, if it was.
    """

    id: str
    member: str
    kind: DelegationKind
    delegate: str
    evidence: str
    begins: datetime
    ends: datetime
    ended_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a delegation without evidence, person or end."""
        if len(self.evidence) != 64 or not set(self.evidence) <= set("0123456789abcdef"):
            raise ActorError("a delegation needs evidence: the sha-256 of the document that shows it")
        if not self.delegate or self.delegate == self.member:
            raise ActorError("a delegation names another person than the member")
        if (
            self.begins.tzinfo is None
            or self.ends.tzinfo is None
            or not self.begins < self.ends <= self.begins + LONGEST
        ):
            raise ActorError("a delegation ends, at most 18 years after it begins")

    @property
    def window(self) -> Window:
        """When it really holds."""
        return Window(self.begins, self.ends if self.ended_at is None else min(self.ends, self.ended_at))


def check_actor(
    actor: Actor, delegation: Delegation | None, *, member: str, guarded_until: datetime | None, at: datetime
) -> None:
    """May this person speak for this member now?

    Raises:
        ActorError: there is no such delegation for her, it does not hold now, or she needs no guardian.
    """
    if actor.kind in (ActorKind.MEMBER, ActorKind.HUB):
        return
    if delegation is None or delegation.member != member or delegation.kind.value != actor.kind.value:
        raise ActorError("no such delegation for this member: record it with its evidence first")
    if not delegation.window.holds(at):
        raise ActorError("this delegation does not hold now: record a current one with its evidence")
    if actor.kind is ActorKind.GUARDIAN and (guarded_until is None or at >= guarded_until):
        raise ActorError("this member decides for herself: a guardian can no longer speak for her")
