"""A made-up office for development: one person for each role, a budget, schemas, and studies at work. Nobody exists."""

from datetime import datetime, timedelta

from consent_center.storage import ledger
from consent_center.storage.transaction import Store
from consent_center.studies.asked import study_of
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.studies.schema import SiteSchema
from consent_center.studies.study_file import read_study_file
from consent_center.studies.study_plan import plan_of
from consent_center.studies.tool import Tool
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.file_study import file_study
from consent_center.workflows.govern import register_schema, register_tool
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.staff_sign_in import hand_out_staff_link
from federated.plan import Feature
from privacy.ledger import PROGRAMME, Budget

_DAY = timedelta(days=1)
_CLUB, _COUNCIL = "harbour-club", "members-council"
STAFF = (
    Person("ada", "Ada Lo", _CLUB, frozenset({Role.ADMINISTRATOR})),
    Person("wu", "Wu Jia-hao", _CLUB, frozenset({Role.DATA_SCIENTIST})),
    Person("huang", "Huang Shu-fen", _CLUB, frozenset({Role.LEGAL})),
    Person("lai", "Lai Po-han", _CLUB, frozenset({Role.TECHNOLOGY})),
    Person("yeh", "Yeh Chia-ling", "university", frozenset({Role.ETHICS})),
    Person("lin", "Lin Mei", _COUNCIL, frozenset({Role.MEMBERS})),
    Person("kao", "Kao Ya-ting", _CLUB, frozenset({Role.OPERATOR}), site="service"),
    Person("tsai", "Tsai Ming", _CLUB, frozenset({Role.OPERATOR}), site="marketing"),
    Person("chen", "Chen Wei-ting", _CLUB, frozenset({Role.COMPLIANCE})),
    Person("su", "Su Hui-min", _CLUB, frozenset({Role.DATA_SCIENTIST})),
)
"""Everybody but the auditor, whose last day depends on when she came; Su Hui-min answers for studies by name."""

_SCHEMA = SiteSchema(
    "service",
    (Feature("price_step", "continuous", 0.0, 10.0), Feature("topic", "categorical", categories=("bill", "delivery"))),
    ("left",),
)
_STUDY = """\
study: early-warning
title: Who stops coming, and could have been asked
reason: Members who are about to leave could be asked in time what went wrong.
benefits: Members are asked earlier; the service learns what drives people away.
accountable: su
retention_days: 365
closes: {closes}
country: TW
sites: [service]
purpose: churn
scopes:
  purchases: Changes in shopping precede leaving; nothing coarser shows them.
  tickets: A complaint that was not solved comes before leaving.
features: [price_step, topic]
label: left
horizon_days: 28
model: churn-linear
epsilon: 2.0
minimum_cohort: 50
rounds: 5
"""
_ANSWERS = {
    "need": "Changes in shopping and unsolved complaints precede leaving.",
    "harm": "A member could be called although she never meant to leave.",
    "limits": "At least 50 members in a run; noise is added before anything leaves the department.",
    "others": "One department's rows, and nobody else's.",
    "rights": "Whoever withdraws is out before the next round.",
}


def seed_office(store: Store, *, at: datetime) -> tuple[Person, ...]:
    """Let people in, open the budget, register schema and tool, file and assess one study; returns who can sign in.

    Args:
        store: with the example's programme.
        at: now; what was done lies before it.
    """
    auditor = Person("hsu", "Hsu An", "outside-auditors", frozenset({Role.AUDITOR}), ends_at=at + 90 * _DAY)
    people = (*STAFF, auditor)
    for index, person in enumerate(people):
        store.run(keep_person, person, by=STAFF[0].id if index else "", at=at - 30 * _DAY)
    budget = Budget.create(epsilon=8.0, delta=1e-6, epsilon_pure=4.0, members=100_000)
    store.run(ledger.open_account, PROGRAMME, budget, at=at - 30 * _DAY)
    store.run(register_schema, _SCHEMA, by="chen", at=at - 20 * _DAY)
    traits = frozenset({"runs unseen by members", "sees people who are not members"})
    counters = Tool("wifi-counters", "Wi-Fi counters in the shops", "marketing", "location", traits, "tsai", at)
    store.run(register_tool, counters, by="chen", at=at - 20 * _DAY)
    file = read_study_file(_STUDY.format(closes=(at + 120 * _DAY).date().isoformat()))
    plan = plan_of(file, _SCHEMA, members=1000, delta=1e-6)
    study = study_of(file, plan, author="wu", organisation=_CLUB, at=at - 2 * _DAY)
    store.run(file_study, study, at=at - 2 * _DAY)
    store.run(assess_study, study.id, assessor="chen", answers=_ANSWERS, at=at - _DAY)
    return people


def link_for_staff(store: Store, person: Person, *, origin: str, at: datetime) -> str:
    """A fresh one-time link that signs this person in to the console."""
    secret = new_secret()
    store.run(hand_out_staff_link, link=fingerprint(secret), person=person.id, at=at)
    return f"{origin}/console/sign-in/link/{secret}"
