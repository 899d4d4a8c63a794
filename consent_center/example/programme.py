"""The made-up programme of the examples: its scopes, purposes, recipients, contracts and notices."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from consent_center.consent.notice import Notice, NoticeText
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind, Role
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.example.notices import CATEGORIES, COMMON, NOTICES, Three
from consent_center.storage.transaction import Store
from consent_center.workflows.define import define
from consent_center.workflows.publish_notice import publish_notice

COUNTRY = "TW"
_YEARS = timedelta(days=900)
_LANGUAGES = ("en", "zh-Hant", "zh-Hans")

_SCOPES = (
    Scope(
        "purchases",
        ("category", "week", "price_step", "district"),
        ScopeClass.ORDINARY,
        Provenance.OBSERVED,
        categories=CATEGORIES,
    ),
    Scope("browsing", ("page", "product", "week"), ScopeClass.ORDINARY, Provenance.OBSERVED),
    Scope("tickets", ("topic", "outcome", "month"), ScopeClass.ORDINARY, Provenance.OBSERVED),
    Scope("location", ("district", "hour"), ScopeClass.SENSITIVE, Provenance.OBSERVED, kinds=("precise-location",)),
    Scope(
        "demographics",
        ("age_band", "gender", "household_size", "income_band"),
        ScopeClass.SENSITIVE,
        Provenance.GIVEN,
        kinds=("demographics",),
    ),
)
_LINKED = ("marketing", "ricefield")
_PURPOSES = (
    Purpose("preference", ("purchases", "browsing", "location"), trains_models=True, needs_assessment=True),
    Purpose("churn", ("purchases", "tickets"), trains_models=True, needs_assessment=True),
    Purpose("offers", ("purchases", "browsing", "location"), personalised=True, automated=True),
    Purpose("fairness", ("demographics",), lifetime_days=730),
    Purpose("matching", ("demographics",)),
    Purpose("link-ricefield", ("purchases",), trains_models=True, needs_assessment=True, between=_LINKED),
)
_RECIPIENTS = (
    Recipient("marketing", "Marketing department", RecipientKind.DEPARTMENT, COUNTRY, "marketing@harbour.example"),
    Recipient("sales", "Sales department", RecipientKind.DEPARTMENT, COUNTRY, "sales@harbour.example"),
    Recipient("service", "Customer service", RecipientKind.DEPARTMENT, COUNTRY, "service@harbour.example"),
    Recipient("audit", "Audit team", RecipientKind.DEPARTMENT, COUNTRY, "audit@harbour.example"),
    Recipient("ricefield", "Ricefield Market", RecipientKind.PARTNER, COUNTRY, "privacy@ricefield.example"),
    Recipient("tern", "Tern Airlines", RecipientKind.PARTNER, "JP", "privacy@tern.example"),
)


def define_programme(store: Store, *, first: datetime, changed: datetime) -> None:
    """Define everything at `first`; at `changed` two notices get a second version, one of them materially different."""
    last = first + _YEARS
    store.run(
        define,
        [
            *_SCOPES,
            *_RECIPIENTS,
            *_PURPOSES,
            Contract("ricefield-2", "ricefield", Role.ENTRUSTED, ("preference",), (COUNTRY,), first, last),
            Contract("ricefield-link", "ricefield", Role.JOINT, ("link-ricefield",), (COUNTRY,), first, last),
            Contract("tern-1", "tern", Role.INDEPENDENT, ("matching",), (COUNTRY,), first, last, "standard contract"),
            Assessment("pia-preference", "preference", ("marketing", "ricefield"), first, last, "ab" * 32),
            Assessment("pia-link", "link-ricefield", _LINKED, first, last, "ef" * 32),
            Assessment("pia-churn", "churn", ("service",), first, last, "cd" * 32),
        ],
        at=first,
    )
    notices = {code: _notice(code, first) for code in NOTICES}
    for notice in notices.values():
        store.run(publish_notice, notice, at=first)
    shorter = {"retention": NOTICES["churn"][1]["retention"]}
    store.run(publish_notice, _second(notices["preference"], shorter, changed), at=changed)
    wider: Mapping[str, Three] = {
        "data_types": (
            "What you bought and looked at, and where you were when you opened the app",
            "您買過與看過的商品，以及開啟App時的位置",
            "您买过和看过的商品，以及打开App时的位置",
        )
    }
    offers = _second(notices["offers"], wider, changed)
    location = Item("location", "offers", "marketing", COUNTRY)
    store.run(publish_notice, replace(offers, items=(*offers.items, location), material=True), at=changed)


def _notice(code: str, at: datetime) -> Notice:
    asked, texts = NOTICES[code]
    items = tuple(Item(scope, code, recipient, COUNTRY) for scope, recipient in asked)
    return Notice(code, 1, items, _texts({**COMMON, **texts}), published_at=at)


def _second(notice: Notice, changes: Mapping[str, Three], at: datetime) -> Notice:
    texts = tuple(
        (language, replace(text, **{name: three[_LANGUAGES.index(language)] for name, three in changes.items()}))
        for language, text in notice.texts
    )
    return replace(notice, version=2, texts=texts, material=False, published_at=at)


def _texts(fields: Mapping[str, Three]) -> tuple[tuple[str, NoticeText], ...]:
    return tuple(
        (language, NoticeText(**{name: three[place] for name, three in fields.items()}))
        for place, language in enumerate(_LANGUAGES)
    )
