"""Everything a member chose and what follows from it, item by item: her consents page, and the API."""

from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.grant import Recorded
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Switch, Verdict, switched_on, verdict
from consent_center.storage import definitions, members, statements, switches
from consent_center.storage.facts import facts_of
from consent_center.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Choice:
    """One item of a member as it stands.

    Attributes:
        item: what it is about.
        verdict: may it be used now, why, and the statement it rests on.
        separate: which separate consent it needs; items with equal keys may be asked together.
        notices: codes of the notices that ask for it.
    """

    item: Item
    verdict: Verdict
    separate: tuple[str, str, str]
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consents:
    """A member's page.

    Attributes:
        choices: every item that any notice asks for, in the order of the items.
        no_personalised: the switch "no personalised marketing" is on.
        restricted: she restricted all use.
    """

    choices: tuple[Choice, ...]
    no_personalised: bool
    restricted: bool


def show_consents(tx: Transaction, member: str, *, at: datetime) -> Consents:
    """A query for `store.read`: a member's choices, with the same verdicts that decide about her data.

    Raises:
        UnknownMemberError: no such member.
    """
    known = definitions.catalogue(tx)
    person = members.get(tx, member)
    asked: dict[Item, list[str]] = {}
    for (code, _), notice in known.notices.items():
        for item in notice.items:
            if code not in asked.setdefault(item, []):
                asked[item].append(code)
    choices = tuple(
        Choice(item, verdict(item, facts, at=at), known.separation_key(item), tuple(asked.get(item, ())))
        for _, item, facts in facts_of(tx, [person], sorted(known.items))
    )
    settings = switches.settings_of(tx, [person.no]).get(person.no, [])
    return Consents(
        choices,
        no_personalised=switched_on(settings, Switch.NO_PERSONALISED, at=at),
        restricted=switched_on(settings, Switch.RESTRICTED, at=at),
    )


def show_statements(tx: Transaction, member: str) -> list[Recorded]:
    """A query for `store.read`: everything a member ever said, oldest first.

    Raises:
        UnknownMemberError: no such member.
    """
    members.get(tx, member)
    return [Recorded(entry, said) for entry, said in statements.history(tx, member)]
