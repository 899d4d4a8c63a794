"""May this be used now? One pure function, and it defaults to no.

Law: allowed only if every one of these holds; the first that fails is the reason.

    defined      the item exists, its scope is not prohibited, its purpose may use the scope
    assessment   current, where the purpose needs one
    contract     in force, covering purpose and country, where the recipient is a partner
    said         the latest choice is a yes, unexpired, under a notice that no material change has overtaken
    free         not paused, the member not restricted, no objection against personalised purposes
    guardian     where the member needs one, the yes is a guardian's who still is; and no models are trained
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from consent_center.consent.grant import YES, Act, Said, latest_choice, paused
from consent_center.consent.scope import Item


class Reason(StrEnum):
    """Why a verdict is what it is. A code never changes its meaning."""

    ALLOWED = "allowed"
    UNKNOWN_ITEM = "unknown-item"
    UNKNOWN_MEMBER = "unknown-member"
    PROHIBITED = "scope-prohibited"
    NOT_NECESSARY = "scope-not-necessary"
    NO_ASSESSMENT = "assessment-missing"
    NO_CONTRACT = "contract-missing"
    NEVER_ASKED = "never-asked"
    REQUESTED = "requested"
    DEFERRED = "deferred"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    INVALIDATED = "invalidated"
    NOTICE_CHANGED = "notice-changed"
    EXPIRED = "expired"
    PAUSED = "paused"
    RESTRICTED = "restricted"
    OBJECTED = "objected"
    GUARDIAN_MISSING = "guardian-missing"
    GUARDIAN_ENDED = "guardian-ended"
    MINOR = "minor"


NO_REASONS = {
    Act.DEFERRED: Reason.DEFERRED,
    Act.REFUSED: Reason.REFUSED,
    Act.WITHDRAWN: Reason.WITHDRAWN,
    Act.REVOKED: Reason.REVOKED,
    Act.INVALIDATED: Reason.INVALIDATED,
}


@dataclass(frozen=True, slots=True)
class Window:
    """A time from `begins` until just before `ends`."""

    begins: datetime
    ends: datetime

    def holds(self, at: datetime) -> bool:
        """Is `at` inside?"""
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True)
class Terms:
    """What the programme has on file about an item, the same for every member.

    Attributes:
        prohibited: the scope is of a prohibited class.
        necessary: the purpose may use the scope.
        personalised: an objection to personalised marketing overrides every yes.
        trains_models: never members who need a guardian.
        contracts: windows of the contracts that cover the item; None where none is needed.
        assessments: windows of the assessments that cover it; None where none is needed.
        material: (published at, number) of each notice version that sent the item back to *requested*.
    """

    prohibited: bool = False
    necessary: bool = True
    personalised: bool = False
    trains_models: bool = False
    contracts: tuple[Window, ...] | None = None
    assessments: tuple[Window, ...] | None = None
    material: tuple[tuple[datetime, int], ...] = ()

    def notice_from(self, at: datetime) -> int:
        """The lowest number of a notice version under which a yes still counts at this moment."""
        return max((number for published_at, number in self.material if published_at <= at), default=0)


class Switch(StrEnum):
    """What a member sets once for all items."""

    NO_PERSONALISED = "no-personalised-marketing"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Switched:
    """One setting of a switch."""

    switch: Switch
    on: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that bears on one item of one member.

    Attributes:
        terms: what the programme has on file; None if the item is not defined.
        said: what her statements say about the item, in any order.
        switches: how she set her switches, in any order.
        guarded_until: until when she needs a guardian; None if she never did.
        guardians: windows in which a guardian with evidence stood by her.
    """

    terms: Terms | None
    said: Sequence[Said] = ()
    switches: Sequence[Switched] = ()
    guarded_until: datetime | None = None
    guardians: Sequence[Window] = field(default=())


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its reason, and the statement it rests on (None if nothing was ever said)."""

    allowed: bool
    reason: Reason
    rests_on: Said | None = None


def verdict(item: Item, facts: Facts, *, at: datetime) -> Verdict:  # noqa: ARG001 - the item names what the facts are of
    """May this item be used at this moment?

    Args:
        item: scope, purpose, recipient and country; one never implies another.
        facts: what the programme has on file about the item and the member said about it, in any order; what
            gives after `at` is ignored, what takes away counts from its recording (see `grant`).
        at: the moment of use, timezone-aware.

    Returns:
        The answer, its reason, and the statement it rests on (None if nothing was ever said).
    """
    choice = latest_choice(facts.said, at=at)
    reason = (
        terms_reason(facts.terms, at) or _choice_reason(facts.terms, choice, at) or _member_reason(facts, choice, at)
    )
    return Verdict(reason is None, reason or Reason.ALLOWED, choice)


def switched_on(switches: Sequence[Switched], switch: Switch, *, at: datetime) -> bool:
    """Is this switch on? Of two settings of the same second, on stands; on counts from its recording, like a no."""
    last = max(
        (one for one in switches if one.switch is switch and (one.at <= at or one.on)),
        key=lambda one: (one.at, one.on),
        default=None,
    )
    return last is not None and last.on


def setting(switch: Switch, *, on: bool, at: datetime, before: Sequence[Switched]) -> Switched:
    """A switch set now; one that is switched on is not older than any earlier setting, whichever clock made that."""
    earlier = [one.at for one in before if one.switch is switch] if on else []
    return Switched(switch, on, max([at, *earlier]))


def terms_reason(terms: Terms | None, at: datetime) -> Reason | None:
    """Why nobody's data may be used for this item at this moment; None if that depends on the member."""
    if terms is None:
        return Reason.UNKNOWN_ITEM
    if terms.prohibited:
        return Reason.PROHIBITED
    if not terms.necessary:
        return Reason.NOT_NECESSARY
    if terms.assessments is not None and not any(window.holds(at) for window in terms.assessments):
        return Reason.NO_ASSESSMENT
    if terms.contracts is not None and not any(window.holds(at) for window in terms.contracts):
        return Reason.NO_CONTRACT
    return None


def _choice_reason(terms: Terms | None, choice: Said | None, at: datetime) -> Reason | None:
    if choice is None:
        return Reason.NEVER_ASKED
    if choice.act not in YES:
        return NO_REASONS[choice.act]
    if terms is None or choice.notice < terms.notice_from(at):
        return Reason.NOTICE_CHANGED
    if choice.expires_at is None or at >= choice.expires_at:
        return Reason.EXPIRED
    return None


def _member_reason(facts: Facts, choice: Said | None, at: datetime) -> Reason | None:
    if paused(facts.said, at=at):
        return Reason.PAUSED
    if switched_on(facts.switches, Switch.RESTRICTED, at=at):
        return Reason.RESTRICTED
    if facts.terms is None or (facts.terms.personalised and switched_on(facts.switches, Switch.NO_PERSONALISED, at=at)):
        return Reason.OBJECTED
    guarded = facts.guarded_until is not None and at < facts.guarded_until
    return member_reason(
        facts.terms,
        guarded=guarded,
        by_guardian=choice is not None and choice.guardian,
        guardian_stands=any(window.holds(at) for window in facts.guardians),
    )


def member_reason(terms: Terms, *, guarded: bool, by_guardian: bool, guardian_stands: bool) -> Reason | None:
    """Why a yes does not count although it stands; None if it does.

    Args:
        terms: of the item.
        guarded: the member needs a guardian now.
        by_guardian: a guardian made the choice.
        guardian_stands: one with evidence stands by her now.
    """
    if guarded and terms.trains_models:
        return Reason.MINOR
    if guarded and not (by_guardian and guardian_stands):
        return Reason.GUARDIAN_MISSING
    if by_guardian and not guarded:
        return Reason.GUARDIAN_ENDED
    return None
