"""The record of processing: everything that is done with members' data, as data, read off what is defined.

Law: there is an activity for each purpose, recipient and country that any published notice asks for, and for no other;
it is in force exactly when a yes to one of its items could be allowed now. Nothing is written by hand, so the record
cannot fall behind what the programme does.

Source: GDPR article 30; PIPL articles 55 and 56. Not legal advice.
"""

from dataclasses import dataclass
from datetime import datetime

from consent_center.consent.catalogue import Catalogue
from consent_center.consent.jurisdiction import of_country
from consent_center.consent.notice import Notice
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient
from consent_center.consent.scope import Item, Scope
from consent_center.consent.verdict import Reason, terms_reason

BASIS = "consent"
"""The only basis on which anything is done here; what rests on another never asks a verdict."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What one recipient does for one purpose with the data of one country's members.

    Attributes:
        law: whose clocks and ages apply.
        scopes: the data, by code.
        abroad: is the recipient established in another country?
        contracts: every contract with the recipient that covers purpose and country, ended ones included.
        assessments: every assessment of the purpose for the recipient, ended ones included.
        notices: the newest open version of each notice that asks for it.
        stopped: item -> why nobody's data may be used for it now; items that may be used are left out.
    """

    purpose: Purpose
    recipient: Recipient
    country: str
    law: str
    scopes: tuple[Scope, ...]
    abroad: bool
    contracts: tuple[Contract, ...]
    assessments: tuple[Assessment, ...]
    notices: tuple[Notice, ...]
    stopped: tuple[tuple[Item, Reason], ...]

    @property
    def name(self) -> str:
        """By what it is listed."""
        return f"{self.purpose.code}/{self.recipient.code}/{self.country}"

    @property
    def in_force(self) -> bool:
        """May any of its data be used now, if the member allows it?"""
        return len(self.stopped) < len(self.scopes)


def record(known: Catalogue, *, at: datetime) -> tuple[Activity, ...]:
    """Every activity, by name."""
    grouped: dict[tuple[str, str, str], list[Item]] = {}
    for item in known.items:
        grouped.setdefault((item.purpose, item.recipient, item.country), []).append(item)
    made = [_activity(known, sorted(items), at) for items in grouped.values()]
    return tuple(sorted(made, key=lambda one: one.name))


def _activity(known: Catalogue, items: list[Item], at: datetime) -> Activity:
    _, purpose_code, recipient_code, country = items[0]
    purpose, recipient = known.purposes[purpose_code], known.recipients[recipient_code]
    newest: dict[str, Notice] = {}
    for notice in known.notices.values():
        if notice.open_at(at) and {*items} & {*notice.items}:
            newest[notice.code] = max(newest.get(notice.code, notice), notice, key=lambda one: one.version)
    reasons = [(item, terms_reason(known.terms(item), at)) for item in items]
    return Activity(
        purpose=purpose,
        recipient=recipient,
        country=country,
        law=of_country(country).code,
        scopes=tuple(known.scopes[item.scope] for item in items),
        abroad=recipient.country != country,
        contracts=tuple(
            one
            for one in known.contracts.values()
            if one.recipient == recipient.code and purpose.code in one.purposes and country in one.countries
        ),
        assessments=tuple(
            one
            for one in known.assessments.values()
            if one.purpose == purpose.code and recipient.code in one.recipients
        ),
        notices=tuple(newest[code] for code in sorted(newest)),
        stopped=tuple((item, reason) for item, reason in reasons if reason is not None),
    )
