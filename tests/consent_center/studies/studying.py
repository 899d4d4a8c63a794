"""A programme with staff, schemas, a budget and a study file, for the tests of studies."""

from dataclasses import dataclass, field
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.consent.grant import Act as Said
from consent_center.storage import ledger
from consent_center.storage.transaction import Store
from consent_center.studies.contract import Certificate, ContractTerms
from consent_center.studies.lifecycle import Standing
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.studies.schema import SiteSchema
from consent_center.studies.study_file import read_study_file
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.file_study import file_study
from consent_center.workflows.govern import register_schema
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.plan_study import Planned, plan_study
from consent_center.workflows.register_reviewer import register_reviewer
from consent_center.workflows.staff_accounts import keep_person
from federated.approvals import Approval, Pinned, sign_approval
from federated.plan import Attribute, Feature
from privacy.ledger import PROGRAMME, Budget
from tests.consent_center.world import ABROAD, AGE, DAY, NOW, TRAIN, found, said

GROCER = ContractTerms(
    code="grocer-2026",
    recipient="grocer",
    role="independent",
    purposes=("churn-model", "matching", "fairness-audit"),
    scopes=("purchases",),
    countries=("TW",),
    begins=NOW - DAY,
    ends=NOW + 30 * DAY,
    retention_days=30,
    breach_hours=24,
    certificates=(Certificate("ISO 27001", NOW + 10 * DAY),),
    transfer="standard-contract",
)
"""A contract with the grocer whose certificate ends soon."""

STAFF = (
    Person("ada", "Ada Admin", "programme", frozenset({Role.ADMINISTRATOR})),
    Person("wu", "Wu Jia-hao", "programme", frozenset({Role.DATA_SCIENTIST})),
    Person("head", "Head of care", "programme", frozenset({Role.DATA_SCIENTIST})),
    Person("chen", "Chen Wei-ting", "programme", frozenset({Role.COMPLIANCE})),
    Person("huang", "Huang Shu-fen", "programme", frozenset({Role.LEGAL})),
    Person("lai", "Lai Po-han", "programme", frozenset({Role.TECHNOLOGY})),
    Person("yeh", "Yeh Chia-ling", "university", frozenset({Role.ETHICS})),
    Person("lin", "Lin Mei", "members-council", frozenset({Role.MEMBERS})),
    Person("sales-op", "Sales operator", "programme", frozenset({Role.OPERATOR}), site="sales"),
    Person("grocer-op", "Grocer operator", "grocer", frozenset({Role.OPERATOR}), site="grocer"),
    Person("aud", "An auditor", "auditors", frozenset({Role.AUDITOR}), ends_at=NOW + timedelta(days=30)),
)
SCHEMAS = tuple(
    SiteSchema(
        site,
        (
            Feature("basket", "continuous", 0.0, 50.0),
            Feature("spend", "continuous", 0.0, 500.0),
            Feature("pages", "continuous", 0.0, 100.0),
        ),
        ("left",),
        (Attribute("age", ("young", "old")),),
    )
    for site in ("sales", "grocer")
)
FILE = """
study: {name}
title: Who shops less and less
reason: Members who are about to leave could be asked in time.
benefits: Members are asked earlier what went wrong.
accountable: head
retention_days: 365
closes: 2027-03-31
country: TW
sites: [{sites}]
purpose: churn-model
scopes:
  purchases: Changes in shopping precede leaving.
features: [basket, spend]
label: left
horizon_days: 28
model: churn-linear
epsilon: {epsilon}
minimum_cohort: {minimum}
rounds: 3
"""
AUDIT = """audit:
  purpose: fairness-audit
  attributes: [age]
  scopes: {demographics: Gaps between groups cannot be seen else.}
"""
EXCHANGE = """
exchange:
  quarter: 2026-q4
  epsilon_label: 1.0
  helpers:
    - site: service
      purpose: link-service
      scopes: {browsing: What members look at tells who leaves.}
      features: [pages]
      epsilon_bin: 2.0
      epsilon: 0.5
      rounds: 4
"""
"""What a study file adds that asks `HELPER` for help."""
HELPER = SiteSchema("service", (Feature("pages", "continuous", 0.0, 100.0),), (), ())
ANSWERS = {"Why?": "Changes in shopping precede leaving.", "What could go wrong?": "She could be warned wrongly."}


def no_noise(epsilon: float) -> int:
    return 0


@dataclass
class Programme:
    """A store with people in it, and their keys, which the store never sees."""

    store: Store
    members: list[str]
    keys: dict[str, Ed25519PrivateKey] = field(default_factory=dict)

    def person(self, name: str) -> Person:
        return next(one for one in STAFF if one.id == name)

    def plan(self, text: str, *, author: str = "wu", at=NOW) -> Planned:
        file = read_study_file(text)
        return self.store.run(plan_study, file, author=author, organisation="programme", draw=no_noise, at=at)

    def file(self, text: str, *, author: str = "wu", at=NOW):
        return self.store.run(file_study, self.plan(text, author=author, at=at).study, at=at)

    def assess(self, study: str, *, assessor: str = "chen", at=NOW):
        return self.store.run(assess_study, study, assessor=assessor, answers=ANSWERS, at=at)

    def answer(self, study, reviewer: str, *, say: str = "yes", at=NOW, **changes) -> Standing:
        person = self.person(reviewer)
        given = {
            "study": study.id,
            "plan_digest": study.plan_digest,
            "reviewer": reviewer,
            "role": person.answers_as,
            "organisation": person.organisation,
            "answer": say,
            "reason": "read and judged",
            "at": at,
            **changes,
        }
        signed = sign_approval(Approval(**given), self.keys[reviewer])
        return self.store.run(approve_study, signed, reviewer=reviewer, at=at)


def study_text(name: str = "churn-1", *, sites: str = "sales", epsilon: float = 2.0, minimum: int = 50, audit=False):
    return FILE.format(name=name, sites=sites, epsilon=epsilon, minimum=minimum) + (AUDIT if audit else "")


def programme(store: Store, *, members: int = 120) -> Programme:
    joined = found(store, members=members)
    store.run(
        make_statements,
        [said(m, Said.GIVEN, i) for m in joined for i in (TRAIN, AGE, ABROAD)],
        at=NOW - timedelta(hours=1),
    )
    budget = Budget.create(epsilon=8.0, delta=1e-5, epsilon_pure=4.0, members=1000)
    store.run(ledger.open_account, PROGRAMME, budget, at=NOW - timedelta(hours=1))
    for index, person in enumerate(STAFF):
        store.run(keep_person, person, by="" if index == 0 else "ada", at=NOW - timedelta(hours=2))
    for schema in SCHEMAS:
        store.run(register_schema, schema, by="chen", at=NOW - timedelta(hours=2))
    made = Programme(store, joined)
    for person in STAFF:
        if person.answers_as is not None:
            made.keys[person.id] = Ed25519PrivateKey.generate()
            pinned = Pinned(person.id, person.answers_as, person.organisation, made.keys[person.id].public_key())
            store.run(register_reviewer, pinned, at=NOW - timedelta(hours=2))
    return made
