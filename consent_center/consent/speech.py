"""What a person says, checked against what was asked: an utterance becomes a statement, or nothing.

Law: a statement answers a published notice, in a language of it, about items of it; a yes joins only items of one
separation key; what is said by a delegate or guardian needs a delegation (checked by the workflow, which can see it).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import MEMBER, YES, Act, Actor, ActorKind, Statement, ending, midnight, whole_second
from consent_center.consent.notice import LANGUAGES
from consent_center.consent.scope import Item
from consent_center.errors import NoticeError, SeparateConsentError, StatementError, UnknownItemError


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody wants recorded.

    Attributes:
        member: about whom.
        act: what is said.
        items: about what.
        notice, notice_version, language: what was read.
        choices: digest of the choices as shown (see `notice.choices_digest`).
        expires_at: a sooner end of a yes than its purposes allow; None for the longest they allow.
        actor: who says it.
        reason: a code, for the programme's own acts.
        said_at: when it was said, if that is before now (imports); None for now.
    """

    member: str
    act: Act
    items: tuple[Item, ...]
    notice: str
    notice_version: int
    language: str
    choices: str
    expires_at: datetime | None = None
    actor: Actor = MEMBER
    reason: str = ""
    said_at: datetime | None = None


def statement_of(said: Utterance, catalogue: Catalogue, *, at: datetime) -> Statement:
    """The statement that an utterance makes, if it may be made.

    Raises:
        UnknownNoticeError, UnknownItemError: it answers nothing that was asked.
        NoticeError: the notice is not open, or a newer version replaces it (for a yes).
        SeparateConsentError: a yes to items that need separate consent, in one act.
        StatementError: it means nothing, or lies in the future.
    """
    moment = whole_second(said.said_at or at)
    if moment > whole_second(at) + timedelta(seconds=0):
        raise StatementError("a statement cannot be made in the future: check the clock")
    notice = catalogue.notice(said.notice, said.notice_version)
    if said.language not in LANGUAGES:
        raise StatementError(f"a notice is read in one of {', '.join(LANGUAGES)}")
    if len(said.choices) != 64 or not all(letter in "0123456789abcdef" for letter in said.choices):
        raise StatementError("a statement carries the sha-256 of the choices as shown")
    asked = set(notice.items)
    for item in said.items:
        if item not in asked:
            raise UnknownItemError(str(item), "this notice does not ask for it; show the notice that does")
    expires_at = None
    if said.act in YES:
        if not notice.open_at(moment):
            raise NoticeError("this notice is not open any more: show the current version and ask again")
        if len({catalogue.separation_key(item) for item in said.items}) > 1:
            raise SeparateConsentError("these items need separate consent: ask for each in an act of its own")
        if said.actor.kind is ActorKind.HUB:
            raise StatementError("the programme can revoke or invalidate, never speak for a member")
        longest = min(catalogue.purposes[item.purpose].lifetime_days for item in said.items)
        expires_at = ending(moment, lifetime_days=longest)
        if said.expires_at is not None:
            expires_at = min(expires_at, midnight(said.expires_at))
        if expires_at <= moment:
            raise StatementError("a yes that has already ended says nothing: leave it out")
    elif said.expires_at is not None:
        raise StatementError("only a yes has an end")
    return Statement(
        member=said.member,
        act=said.act,
        items=said.items,
        notice=said.notice,
        notice_version=said.notice_version,
        language=said.language,
        choices=said.choices,
        at=moment,
        expires_at=expires_at,
        actor=said.actor,
        reason=said.reason,
    )
