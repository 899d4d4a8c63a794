"""What a member is asked, what she said, and what may therefore be used now: the state behind her pages."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.catalogue import Catalogue, published
from consent_center.consent.grant import BY_HUB, Act, Said, paused
from consent_center.consent.notice import Notice
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Switch, Verdict, switched_on, verdict
from consent_center.storage import definitions, members, statements, switches
from consent_center.storage.columns import EntryId
from consent_center.storage.facts import facts_of
from consent_center.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Stand:
    """How one item stands.

    Attributes:
        notice: the version that asks for it now.
        verdict: may it be used at this moment, and why (not).
        choice: the statement that stands; None if she was never asked.
        paused: whether she paused it.
        paused_at: since when, if so.
        why: why the programme ended it, as its staff wrote it; empty if it did not.
    """

    item: Item
    notice: Notice
    verdict: Verdict
    choice: Said | None
    paused: bool
    paused_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """Everything a member's pages need about her choices.

    Attributes:
        stands: item -> how it stands, for every item that a published notice asks for.
        no_personalised, restricted: how her two switches are set.
        guarded_until: until when she needs a guardian; None if never.
    """

    member: str
    catalogue: Catalogue
    stands: dict[Item, Stand]
    no_personalised: bool
    restricted: bool
    guarded_until: datetime | None


def show_choices(tx: Transaction, member: str, *, only: Iterable[Item] | None = None, at: datetime) -> Choices:
    """A member's choices at this moment.

    Args:
        tx: the transaction.
        member: whose.
        only: these items alone, of those that are asked for; all by default.
        at: now.

    Raises:
        UnknownMemberError: no such member.
    """
    known = definitions.catalogue(tx)
    person = members.get(tx, member)
    asking = {item: notice for notice in published(known, at) for item in notice.items}
    wanted = list(asking) if only is None else [item for item in only if item in asking]
    settings = switches.settings_of(tx, [person.no]).get(person.no, ())
    stands = {}
    for _, item, facts in facts_of(tx, [person], wanted):
        answer = verdict(item, facts, at=at)
        is_paused = paused(facts.said, at=at)
        since = max(one.at for one in facts.said if one.act is Act.PAUSED) if is_paused else None
        why = _why(tx, answer.rests_on)
        stands[item] = Stand(item, asking[item], answer, answer.rests_on, is_paused, since, why)
    return Choices(
        member=member,
        catalogue=known,
        stands=stands,
        no_personalised=switched_on(settings, Switch.NO_PERSONALISED, at=at),
        restricted=switched_on(settings, Switch.RESTRICTED, at=at),
        guarded_until=person.guarded_until,
    )


def show_switch(tx: Transaction, member: str, *, at: datetime) -> bool:
    """Whether "no personalised marketing" is on: for the frame around every page of hers.

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    return switched_on(switches.settings_of(tx, [number]).get(number, ()), Switch.NO_PERSONALISED, at=at)


def _why(tx: Transaction, choice: Said | None) -> str:
    """Why the programme ended what it ended."""
    if choice is None or choice.act not in BY_HUB:
        return ""
    _, made = statements.get(tx, EntryId(choice.entry))
    return made.reason
