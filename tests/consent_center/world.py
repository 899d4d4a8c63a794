"""A small programme for tests: two departments, a partner abroad, three scopes, four purposes, one notice."""

from datetime import UTC, datetime, timedelta

from hypothesis import settings

from consent_center.consent.grant import Act
from consent_center.consent.notice import LANGUAGES, Notice, NoticeText, choices_digest
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient, RecipientKind, Role
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.consent.speech import Utterance
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.register_member import register_members
from privacy.envelope import Key
from privacy.keys import KeyRing

NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = KeyRing((Key(7, bytes(range(32))),))

SCOPES = (
    Scope("purchases", ("basket", "spend"), ScopeClass.ORDINARY, Provenance.OBSERVED),
    Scope("browsing", ("pages",), ScopeClass.ORDINARY, Provenance.OBSERVED),
    Scope("demographics", ("age", "gender"), ScopeClass.SENSITIVE, Provenance.GIVEN, kinds=("demographics",)),
)
PURPOSES = (
    Purpose("churn-model", ("purchases", "browsing"), trains_models=True),
    Purpose("fairness-audit", ("purchases", "demographics")),
    Purpose("personalised-offers", ("purchases", "browsing"), personalised=True, automated=True, lifetime_days=180),
    Purpose("matching", ("purchases",), needs_assessment=True),
)
RECIPIENTS = (
    Recipient("sales", "Sales", RecipientKind.DEPARTMENT, "TW", "sales@example.org"),
    Recipient("service", "Service", RecipientKind.DEPARTMENT, "TW", "service@example.org"),
    Recipient("grocer", "Grocer", RecipientKind.PARTNER, "JP", "grocer@example.org"),
)
CONTRACT = Contract(
    "grocer-2026",
    "grocer",
    Role.INDEPENDENT,
    ("churn-model", "matching", "fairness-audit"),
    ("TW",),
    NOW - DAY,
    NOW + 30 * DAY,
    transfer="standard-contract",
)
ASSESSMENT = Assessment("matching-2026", "matching", ("sales", "grocer"), NOW - DAY, NOW + 60 * DAY, "ab" * 32)

TRAIN = Item("purchases", "churn-model", "sales", "TW")
BROWSE = Item("browsing", "churn-model", "sales", "TW")
AUDIT = Item("purchases", "fairness-audit", "sales", "TW")
AGE = Item("demographics", "fairness-audit", "sales", "TW")
OFFER = Item("purchases", "personalised-offers", "sales", "TW")
SERVICE = Item("purchases", "churn-model", "service", "TW")
MATCH = Item("purchases", "matching", "sales", "TW")
ABROAD = Item("purchases", "churn-model", "grocer", "TW")
ABROAD_MATCH = Item("purchases", "matching", "grocer", "TW")
ITEMS = (TRAIN, BROWSE, AUDIT, AGE, OFFER, SERVICE, MATCH, ABROAD, ABROAD_MATCH)

TEXT = NoticeText(
    title="How we use your data",
    body="We use what you buy to keep the programme useful.",
    who="The programme",
    contact="privacy@example.org",
    purpose="Learning which members may leave",
    method="Training at each site",
    data_types="Purchases, browsing, age band",
    retention="Two years",
    rights="Withdraw on this page at any time",
    consequences="Your points stay as they are either way",
    necessity="Fairness cannot be checked without it",
    impact="Little: only noised counts leave a site",
)
CHINESE = NoticeText(*(["說明"] * 12), accept="允許", refuse="不允許")


def cases(usual: int) -> int:
    """How many examples a property is tried with: ten times as many under `make matrix`."""
    return usual * 10 if settings.get_current_profile_name() == "matrix" else usual


def notice(
    version: int = 1, *, items: tuple[Item, ...] = ITEMS, material: bool = True, at: datetime = NOW - DAY
) -> Notice:
    """One version of the programme's only notice."""
    texts = tuple((language, TEXT if language == "en" else CHINESE) for language in LANGUAGES)
    return Notice("core", version, items, texts, at, material=material)


CHOICES = choices_digest(notice(), "en", ITEMS)
ANSWERED = {"notice": "core", "version": 1, "language": "en", "choices": CHOICES}


def said(member: str, act: Act, *items: Item, **more: object) -> Utterance:
    """What a member says about items of the notice."""
    return Utterance(member, act, items, "core", 1, "en", CHOICES, **more)  # type: ignore[arg-type]


def found(store, *, members: int = 3, guarded_until=None, at: datetime = NOW - DAY) -> list[str]:
    """Found the programme in a store: definitions, notice, members enrolled at sales."""
    store.run(define, (*SCOPES, *PURPOSES, *RECIPIENTS, CONTRACT, ASSESSMENT), at=at)
    store.run(publish_notice, notice(at=at), at=at)
    joined = store.run(register_members, [guarded_until] * members, at=at)
    store.run(enrol_members, joined, "sales", at=at)
    return joined
