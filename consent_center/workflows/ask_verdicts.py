"""Many verdicts at once, from the packed state of everybody: up to 10,000 in one question."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from consent_center.consent.bitmap import Bits
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Reason, verdict
from consent_center.storage import bits, members, references
from consent_center.storage.facts import facts_of
from consent_center.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Questions:
    """May these items of these members be used? Columns, because there are thousands.

    Attributes:
        members: for each question her identifier, or her pseudonym at the site that asks.
        items: the items that are asked about.
        about: for each question the place of its item in `items`; a place outside is an unknown item.
    """

    members: Sequence[str]
    items: Sequence[Item]
    about: Sequence[int]

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Item]]) -> Self:
        """From member and item of each question."""
        listed = list(pairs)
        places = {item: place for place, item in enumerate(dict.fromkeys(item for _, item in listed))}
        return cls([member for member, _ in listed], list(places), [places[item] for _, item in listed])


def ask_verdicts(tx: Transaction, asked: Questions, *, site: str = "", at: datetime) -> list[Reason]:
    """A query for `store.read`: the reason of each verdict, in the same order; `Reason.ALLOWED` is a yes.

    Whether it is a yes is read from a bitmap per item; only a no is looked into for its reason. Members who spoke
    after `at` are answered by single verdicts.

    Somebody whom nobody registered, or who is not linked at the site, is answered "unknown-member", never with an
    error, so that one of many does not hide the others.

    Args:
        tx: the transaction.
        asked: the questions.
        site: whose pseudonyms they use; empty if they use identifiers.
        at: the moment of all verdicts.
    """
    numbers = references.numbers(tx, asked.members, site=site)
    warm = bits.fresh(tx, asked.items, at=at)
    with warm.lock:
        reasons = _packed(warm.bits, numbers, asked, at=at)
        later = warm.bits.later(asked.items, at=at)
    spoke = {one for one in numbers if one is not None and (later is None or one in later)}
    if spoke:
        single = _single(tx, spoke, asked.items, at=at)
        for place, (number, about) in enumerate(zip(numbers, asked.about, strict=True)):
            if number in spoke and about < len(asked.items):
                reasons[place] = single.get((number, asked.items[about]), Reason.UNKNOWN_MEMBER)
    return reasons


def _packed(packed: Bits, numbers: Sequence[int | None], asked: Questions, *, at: datetime) -> list[Reason]:
    answers = [(packed.allowed(item, at=at), packed.reason_of(item, at=at)) for item in asked.items]
    reasons = []
    for number, about in zip(numbers, asked.about, strict=True):
        if number is None:
            reasons.append(Reason.UNKNOWN_MEMBER)
        elif about >= len(answers):
            reasons.append(Reason.UNKNOWN_ITEM)
        else:
            allowed, reason = answers[about]
            reasons.append(Reason.ALLOWED if number in allowed else reason(number))
    return reasons


def _single(
    tx: Transaction, numbers: Iterable[int], items: Sequence[Item], *, at: datetime
) -> dict[tuple[int, Item], Reason]:
    people = members.by_number(tx, numbers)
    return {(one.no, item): verdict(item, facts, at=at).reason for one, item, facts in facts_of(tx, people, items)}
