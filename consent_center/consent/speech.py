"""What a person says, checked against what was asked: an utterance becomes a statement, or nothing.

Law: a statement answers a published notice, in a language of it, about items of it; a yes joins only items of one
separation key; what is said by a delegate or guardian needs a delegation (checked by the workflow, which can see it).
"""

import re
from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.grant import MEMBER, YES, Act, Actor, Statement, ending, midnight, whole_second
from consent_center.consent.notice import LANGUAGES, Notice
from consent_center.consent.scope import Item
from consent_center.errors import NoticeError, SeparateConsentError, StatementError, UnknownItemError

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


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
        NoticeError: the notice is not open, or a material change has overtaken it (for a yes).
        SeparateConsentError: a yes to items that need separate consent, in one act.
        StatementError: it means nothing, or lies in the future.
    """
    moment = whole_second(said.said_at or at)
    if moment > at:
        raise StatementError("a statement cannot be made in the future: check the clock")
    if not said.items:
        raise StatementError("a statement names each item once, and at least one")
    notice = catalogue.notice(said.notice, said.notice_version)
    if said.language not in LANGUAGES:
        raise StatementError(f"a notice is read in one of {', '.join(LANGUAGES)}")
    if not _DIGEST.fullmatch(said.choices):
        raise StatementError("a statement carries the sha-256 of the choices as shown")
    for item in said.items:
        if item not in notice.items:
            raise UnknownItemError(str(item), "this notice does not ask for it; show the notice that does")
    return Statement(
        member=said.member,
        act=said.act,
        items=said.items,
        notice=said.notice,
        notice_version=said.notice_version,
        language=said.language,
        choices=said.choices,
        at=moment,
        expires_at=_end_of_yes(said, notice, catalogue, moment) if said.act in YES else said.expires_at,
        actor=said.actor,
        reason=said.reason,
    )


def _end_of_yes(said: Utterance, notice: Notice, catalogue: Catalogue, moment: datetime) -> datetime:
    """When a yes ends, if it may be said at all."""
    if not notice.open_at(moment):
        raise NoticeError("this notice is not open any more: show the current version and ask again")
    number = catalogue.notice_numbers[notice.code, notice.version]
    asked = [terms for item in said.items if (terms := catalogue.terms(item)) is not None]
    if any(number < terms.notice_from(moment) for terms in asked):
        raise NoticeError("a later notice asks anew, so this yes would not count: show that one and ask again")
    if len({catalogue.separation_key(item) for item in said.items}) > 1:
        raise SeparateConsentError("these items need separate consent: ask for each in an act of its own")
    longest = min(catalogue.purposes[item.purpose].lifetime_days for item in said.items)
    ends = ending(moment, lifetime_days=longest)
    if said.expires_at is not None:
        ends = min(ends, midnight(said.expires_at))
    if ends <= moment:
        raise StatementError("a yes that has already ended says nothing: leave it out")
    return ends
