"""What the members of the demo say: a believable mix, drawn with a seed, entered through the product's own workflows.

About 70 % of members end with a yes to learning from their purchases; the others refused, put the question off, said
yes so long ago that it has expired, or took their yes back. Of those who said yes most also let their answers be used
for the fairness audit. Partner brands are asked in an act of their own and hear no a little more often.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import numpy as np

from consent_center.consent.grant import Act
from consent_center.consent.notice import Notice, choices_digest
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.demo.programme import FAIRNESS

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
LONG_AGO, ASKED, CHANGED = timedelta(days=400), timedelta(days=120), timedelta(days=14)
MIX = {"yes": 0.72, "refused": 0.13, "deferred": 0.06, "expired": 0.04, "withdrawn": 0.05}
ACTS = {
    "yes": ((ASKED, Act.GIVEN),),
    "refused": ((ASKED, Act.REFUSED),),
    "deferred": ((ASKED, Act.DEFERRED),),
    "expired": ((LONG_AGO, Act.GIVEN),),
    "withdrawn": ((ASKED, Act.GIVEN), (CHANGED, Act.WITHDRAWN)),
}
PARTNER_NO = 0.1
AUDIT_TOO = 0.85


@dataclass(frozen=True)
class Asked:
    """A member and where she was asked: site, and whether it is a partner brand."""

    member: str
    sites: tuple[tuple[str, bool], ...]


@dataclass(frozen=True)
class Batch:
    """What was said on one day, to be entered in one transaction."""

    at: datetime
    said: tuple[Utterance, ...]


def answers(
    people: Sequence[Asked], notices: dict[str, Notice], *, rng: np.random.Generator, at: datetime
) -> Iterator[Batch]:
    """Everything that the members said up to now, in order of time.

    Args:
        people: who was asked where.
        notices: purpose -> the notice that asks for it.
        rng: seeded; decides who says what, never anything about noise.
        at: now.
    """
    moods = rng.choice(len(MIX), size=len(people), p=list(MIX.values()))
    languages = rng.choice(len(LANGUAGES), size=len(people), p=[0.3, 0.4, 0.3])
    partner_no = rng.random(len(people)) < PARTNER_NO
    audit_too = rng.random(len(people)) < AUDIT_TOO
    days: dict[timedelta, list[Utterance]] = {LONG_AGO: [], ASKED: [], CHANGED: []}
    names = list(MIX)
    for index, person in enumerate(people):
        mood, language = names[moods[index]], LANGUAGES[languages[index]]
        purposes = [purpose for purpose in notices if audit_too[index] or purpose != FAIRNESS]
        for site, partner in person.sites:
            kind = "refused" if partner and partner_no[index] else mood
            for purpose in purposes:
                for item in _at(notices[purpose], site):
                    said = _said(person.member, notices[purpose], item, language)
                    for ago, act in ACTS[kind]:
                        days[ago].append(said(act))
    for ago, day in days.items():
        yield Batch(at - ago, tuple(day))


def withdrawal(member: str, notices: dict[str, Notice], site: str) -> list[Utterance]:
    """She takes back everything she allowed at one site."""
    return [
        _said(member, notice, item, "zh-Hant")(Act.WITHDRAWN)
        for notice in notices.values()
        for item in _at(notice, site)
    ]


def _at(notice: Notice, site: str) -> list[Item]:
    return [item for item in notice.items if item.recipient == site]


def _said(member: str, notice: Notice, item: Item, language: str) -> Callable[[Act], Utterance]:
    choices = _choices(notice, language, item)
    return lambda act: Utterance(member, act, (item,), notice.code, notice.version, language, choices)


@lru_cache(maxsize=256)
def _choices(notice: Notice, language: str, item: Item) -> str:
    return choices_digest(notice, language, [item])
