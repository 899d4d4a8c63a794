"""Statements: one act of one person about one or more items. Never changed, only followed by others.

Laws: the latest statement about an item wins, and of two of the same second the one that allows less; nothing is
given without an act; withdrawn is said by the member or her delegate, anybody else *revokes*; items that need
separate consent never share one act; a yes ends at a midnight (UTC), because whole days are what a member is shown.

Times are whole seconds. Two opposite statements of one second cannot be told apart in order, so the stricter stands.
Hubs' clocks differ: what takes away counts from its recording, even if the clock that asks has not reached its moment,
and is recorded as not older than anything that was said before it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from consent_center.consent.scope import Item
from consent_center.errors import StatementError


class Act(StrEnum):
    """What was said. The first two are a yes; pause and resume leave the choice itself alone."""

    GIVEN = "given"
    RENEWED = "renewed"
    DEFERRED = "deferred"
    REFUSED = "refused"
    INVALIDATED = "invalidated"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    RESUMED = "resumed"
    PAUSED = "paused"


YES = frozenset({Act.GIVEN, Act.RENEWED})
PAUSES = frozenset({Act.PAUSED, Act.RESUMED})
GIVES = YES | {Act.RESUMED}
"""What allows more than before, and so counts from its moment on only; everything else counts once it is recorded."""
STRICTNESS = {act: place for place, act in enumerate(Act)}
"""Of two acts of the same second the one with the higher number stands."""

BY_HUB = frozenset({Act.REVOKED, Act.INVALIDATED})
"""What the programme itself may say; it can never say anything else about a member's choices."""


class ActorKind(StrEnum):
    """Who speaks."""

    MEMBER = "member"
    DELEGATE = "delegate"
    GUARDIAN = "guardian"
    HUB = "hub"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who says a statement.

    Attributes:
        kind: the member herself, her delegate, her guardian, or the programme.
        delegation: the delegation under which a delegate or guardian speaks.
    """

    kind: ActorKind = ActorKind.MEMBER
    delegation: str | None = None

    def __post_init__(self) -> None:
        """Refuse a delegate without a delegation."""
        if (self.kind in (ActorKind.DELEGATE, ActorKind.GUARDIAN)) != (self.delegation is not None):
            raise StatementError("a delegate or guardian names the delegation, nobody else does")


MEMBER = Actor()
HUB = Actor(ActorKind.HUB)


@dataclass(frozen=True, slots=True)
class Statement:
    """One act of one person about one or more items, under one version of one notice, in one language.

    Attributes:
        member: who it is about.
        act: what was said.
        items: about what.
        notice, notice_version, language: what she read.
        choices: SHA-256 of the choices as shown, hexadecimal (see `notice.choices_digest`).
        at: when, whole seconds UTC.
        expires_at: when a yes ends, a midnight UTC; None for everything but a yes.
        actor: who said it.
        reason: a code; the programme must give one when it revokes.
    """

    member: str
    act: Act
    items: tuple[Item, ...]
    notice: str
    notice_version: int
    language: str
    choices: str
    at: datetime
    expires_at: datetime | None = None
    actor: Actor = MEMBER
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse a statement that means nothing."""
        if not self.items or len(set(self.items)) != len(self.items):
            raise StatementError("a statement names each item once, and at least one")
        if self.at.tzinfo is None or self.at.microsecond:
            raise StatementError("a statement is made at a whole second with a time zone")
        if (self.act in YES) != (self.expires_at is not None):
            raise StatementError("a yes has an end, and nothing else has")
        if self.expires_at is not None and self.expires_at != midnight(self.expires_at):
            raise StatementError("a yes ends at midnight utc: round down to whole days")
        if self.actor.kind is ActorKind.HUB and self.act not in BY_HUB:
            raise StatementError("the programme can revoke or invalidate, never speak for a member")
        if self.actor.kind is not ActorKind.HUB and self.act in BY_HUB:
            raise StatementError("members withdraw; only the programme revokes or invalidates")


def whole_second(at: datetime) -> datetime:
    """The second of `at`, in UTC.

    Raises:
        StatementError: no time zone.
    """
    if at.tzinfo is None:
        raise StatementError("times need a zone")
    return at.astimezone(UTC).replace(microsecond=0)


def midnight(at: datetime) -> datetime:
    """The midnight UTC at or before `at`."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def ending(at: datetime, *, lifetime_days: int) -> datetime:
    """When a yes of this moment ends: the midnight UTC not later than `lifetime_days` after it, but after `at`."""
    return max(midnight(at + timedelta(days=lifetime_days)), midnight(at) + timedelta(days=1))


@dataclass(frozen=True, slots=True)
class Said:
    """What one statement says about one item; what a verdict needs of it.

    Attributes:
        act: what was said.
        at: when.
        expires_at: when a yes ends.
        notice: number of the notice version, growing with publication over all notices.
        guardian: was it a guardian who said it?
        entry: the audit entry of the statement.
    """

    act: Act
    at: datetime
    expires_at: datetime | None = None
    notice: int = 0
    guardian: bool = False
    entry: int = 0


def latest_choice(said: Iterable[Said], *, at: datetime) -> Said | None:
    """The statement that stands at this moment: the latest, of the same second the strictest; None if none was made.

    Order of the statements does not matter; a yes later than `at` is ignored, a no never is; pauses are not choices.
    """
    made = [one for one in said if one.act not in PAUSES and counts(one, at=at)]
    return max(made, key=_standing, default=None)


def paused(said: Iterable[Said], *, at: datetime) -> bool:
    """Is the item paused at this moment? A pause and a resumption of the same second leave it paused."""
    made = [one for one in said if one.act in PAUSES and counts(one, at=at)]
    last = max(made, key=lambda one: (one.at, STRICTNESS[one.act]), default=None)
    return last is not None and last.act is Act.PAUSED


def recorded_at(act: Act, at: datetime, *, before: Iterable[Said]) -> datetime:
    """The moment that a statement made now is recorded with.

    What takes away is not older than what it takes away: the yes may have been recorded by a hub whose clock is ahead.
    """
    return at if act in GIVES else max([at, *(one.at for one in before)])


def counts(one: Said, *, at: datetime) -> bool:
    """Does this statement count at this moment? What takes away counts once it is recorded, see above."""
    return one.at <= at or one.act not in GIVES


def _standing(one: Said) -> tuple[datetime, int, float, int, int]:
    # Of two yeses of one second, the one that ends sooner, then the older notice, then the older entry stands.
    ends = one.expires_at.timestamp() if one.expires_at is not None else 0.0
    return one.at, STRICTNESS[one.act], -ends, -one.notice, -one.entry


@dataclass(frozen=True, slots=True)
class Recorded:
    """A statement that is kept, and the number of its audit entry."""

    entry: int
    statement: Statement
