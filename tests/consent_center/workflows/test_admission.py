"""A run is admitted whole or not at all: approvals, cohorts, charge and permit in one transaction.

The laws: a refused admission leaves no run, no cohort and no charge, and one entry with its reason; a member is in one
cohort of a run; the same run asked for again gives the same documents; what is charged is the worst the plan allows.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from functools import partial
from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import select

from audit.fairness.verdict import Thresholds
from consent_center.consent.grant import Act
from consent_center.consent.scope import Item
from consent_center.gate import StoreGate
from consent_center.storage import ledger, runs
from consent_center.storage.entries import EntryRow
from consent_center.storage.transaction import Store
from consent_center.studies.assessment import Circumstances
from consent_center.studies.errors import ApprovalError, ReleaseError, SelfApprovalError, StudyError
from consent_center.studies.study import Study
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.approve_study import approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.file_study import file_study
from consent_center.workflows.machine_tokens import TokenScope, issue_token
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.register_reviewer import register_reviewer
from consent_center.workflows.release_model import release_model
from consent_center.workflows.unenrol_member import unenrol_member
from federated.approvals import Approval, Pinned, sign_approval
from federated.cohort import unpack
from federated.errors import Refusal, RefusedError
from federated.gate import REMOVALS_KIND, Admission, RunReport, SiteRound
from federated.models.churn_plan import churn_plan
from federated.plan import Attribute, Feature, Plan, Use, part_of, plan_bytes
from federated.price import price
from federated.signed import Signed, check, decode
from privacy.ledger import PROGRAMME, Budget, sub_limit
from tests.consent_center.conftest import Filled
from tests.consent_center.rounds import honest_round
from tests.consent_center.world import DAY, NOW, SERVICE, TRAIN, found, said

ROLES = ("legal", "technology", "members-representative", "site:sales", "site:service")
AUTHOR = "ada"
MEMBERS = 240


@pytest.fixture(scope="module")
def signer() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def keys() -> dict[str, Ed25519PrivateKey]:
    return {name: Ed25519PrivateKey.generate() for name in (*ROLES, AUTHOR)}


def plan_for(study: str, **changes: Any) -> Plan:
    parts: dict[str, Any] = {
        "study": study,
        "country": "TW",
        "sites": ("sales", "service"),
        "uses": (Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),),
        "features": (Feature("spend", "continuous", 0.0, 100.0),),
        "label": "label",
        "horizon_days": 56,
        "attributes": (Attribute("gender", ("female", "male")),),
        "members": MEMBERS,
        "epsilon": 1.0,
        "rounds": 5,
        "minimum_cohort": 50,
    }
    return churn_plan(**{**parts, **changes})


def filed(store: Store, plan: Plan, *, at: datetime = NOW, closes_at: datetime = NOW + timedelta(days=100)) -> Study:
    study = Study(
        id=plan.study, title="t", author=AUTHOR, organisation="programme", accountable="head of care",
        reason="to ask in time", benefits="members", retention_days=30, plan=plan_bytes(plan),
        filed_at=at, closes_at=closes_at,
    )  # fmt: skip
    return store.run(file_study, study, at=at)


def assessed(store: Store, study: Study, *, at: datetime = NOW) -> None:
    calm = Circumstances(
        sensitive_scopes=frozenset(), partner_sites=frozenset(), crosses_border=False, minors=False,
        automated=False, budget_share=Fraction(1, 4), first_of_its_kind=False,
    )  # fmt: skip
    store.run(
        assess_study,
        study.id,
        assessor="bo",
        circumstances=calm,
        answers={"why": "because nothing less would do"},
        at=at,
    )


def answer(
    store: Store, study: Study, keys: dict[str, Ed25519PrivateKey], by: str, *, reviewer: str = "", yes: bool = True,
    now: datetime = NOW, **changes: Any,
) -> Any:  # fmt: skip
    who = reviewer or by
    said_so = Approval(
        study=study.id, plan_digest=study.plan_digest, reviewer=who, role=by, organisation="programme",
        answer="yes" if yes else "no", reason="read" if yes else "too broad", at=now,
    )  # fmt: skip
    signed = sign_approval(Approval(**{**said_so.__dict__, **changes}), keys[who])
    return store.run(approve_study, signed, reviewer=who, at=now)


def approved(store: Store, plan: Plan, keys: dict[str, Ed25519PrivateKey], **changes: Any) -> Study:
    study = filed(store, plan, **changes)
    assessed(store, study)
    for role in ROLES:
        where = answer(store, study, keys, role)
    assert where.approved
    return study


def settle(store: Store, keys: Mapping[str, Ed25519PrivateKey]) -> list[str]:
    """Reviewers, an account, and members at sales and service who all said yes at both."""
    members = found(store, members=MEMBERS)
    store.run(enrol_members, members, "service", at=NOW - DAY)
    for name, key in keys.items():
        role = "technology" if name == AUTHOR else name
        store.run(register_reviewer, Pinned(name, role, "programme", key.public_key()), at=NOW)
    budget = Budget.create(epsilon=3.0, delta=1e-5, epsilon_pure=2.0, members=MEMBERS)
    store.run(ledger.open_account, PROGRAMME, budget, at=NOW)
    for item in (TRAIN, SERVICE):
        store.run(make_statements, [said(member, Act.GIVEN, item) for member in members], at=NOW)
    return members


@pytest.fixture
def ready(filled: Filled, keys: dict[str, Ed25519PrivateKey]) -> tuple[Store, list[str]]:
    """A store with reviewers, an account, and members at sales and service who all said yes at both."""
    return filled("ready", partial(settle, keys=keys))


def gate_of(store: Store, signer: Ed25519PrivateKey, *, at: datetime = NOW) -> StoreGate:
    numbers = count(1)
    return StoreGate(store, signer=signer, clock=lambda: at, new_run=lambda: f"run-{next(numbers):08d}")


def kinds(store: Store) -> list[str]:
    """The kinds of the programme's entries in the order they were written, placed in the log or not."""
    written = store.read(lambda tx: tx.session.exec(select(EntryRow.leaf).order_by(EntryRow.id)).all())
    return [leaf["kind"] for leaf in map(json.loads, written) if "kind" in leaf]


def test_a_member_at_two_sites_is_in_one_cohort(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, members = ready
    approved(store, plan_for("s1"), keys)
    admission = gate_of(store, signer).admit_run("s1")
    used = store.read(runs.members, admission.run)
    assert sorted(one.member for one in used) == sorted(members)
    assert {one.site for one in used} == {"sales", "service"}
    for site, order in admission.orders.items():
        listed = {one.pseudonym for one in unpack(order.members)}
        assert listed == {one.pseudonym for one in used if one.site == site}


def test_the_same_run_again_is_the_same_admission(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, members = ready
    approved(store, plan_for("s1"), keys)
    limits = [sub_limit(site, "churn-model") for site in ("sales", "service")]
    for name in limits:
        store.run(ledger.open_account, name, store.read(ledger.balance, PROGRAMME).budget, at=NOW)
    again = partial(StoreGate, store, signer=signer, clock=lambda: NOW, new_run=lambda: "run-same")
    first = again().admit_run("s1")
    spent = store.read(ledger.balance, PROGRAMME).spent
    assert first.permit.charge == spent == price(plan_for("s1")), "the worst that the plan allows, attempts included"
    assert [store.read(ledger.balance, name).spent for name in limits] == [spent] * 2, "each site's own limit binds too"
    store.run(make_statements, [said(members[0], Act.WITHDRAWN, TRAIN, SERVICE)], at=NOW)
    second = again().admit_run("s1")
    assert second.orders == first.orders
    assert store.read(ledger.balance, PROGRAMME).spent == spent


def test_a_run_over_budget_leaves_nothing_but_its_refusal(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    gate = gate_of(store, signer)
    gate.admit_run("s1")
    spent, before = store.read(ledger.balance, PROGRAMME).spent, len(kinds(store))
    with pytest.raises(RefusedError) as refused:
        gate.admit_run("s1")
    assert refused.value.code is Refusal.OVER_BUDGET
    assert store.read(ledger.balance, PROGRAMME).spent == spent
    assert store.read(runs.find, "run-00000002") is None
    assert store.read(runs.cohorts, "run-00000002") == {}
    assert kinds(store)[before:] == ["run.refused", "finding.opened"]


def test_too_few_members_are_refused_before_anything_is_charged(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1", minimum_cohort=MEMBERS), keys)
    with pytest.raises(RefusedError) as refused:
        gate_of(store, signer).admit_run("s1")
    assert refused.value.code is Refusal.COHORT_TOO_SMALL
    assert store.read(ledger.history, PROGRAMME) == ()


@pytest.mark.parametrize("missing", [*ROLES, "assessment"])
def test_one_missing_answer_is_not_approved_and_says_whose(
    missing: str, ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    study = filed(store, plan_for("s1"))
    if missing != "assessment":
        assessed(store, study)
    for role in ROLES:
        if role != missing:
            where = answer(store, study, keys, role)
    assert where.missing == (missing,)
    with pytest.raises(RefusedError, match=missing) as refused:
        gate_of(store, signer).admit_run("s1")
    assert refused.value.code is Refusal.PLAN_NOT_APPROVED


def test_the_author_cannot_approve_nor_assess_her_own_study(
    ready: tuple[Store, list[str]], keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    study = filed(store, plan_for("s1"))
    before = len(kinds(store))
    with pytest.raises(SelfApprovalError):
        answer(store, study, keys, "technology", reviewer=AUTHOR)
    with pytest.raises(StudyError):
        store.run(
            assess_study, study.id, assessor=AUTHOR, answers={"why": "because nothing less would do"}, at=NOW,
            circumstances=Circumstances(frozenset(), frozenset(), False, False, False, Fraction(0), False),
        )  # fmt: skip
    assert len(kinds(store)) == before


@pytest.mark.parametrize(
    "changes",
    [
        {"plan_digest": "0" * 64},
        {"role": "technology"},
        {"organisation": "elsewhere"},
        {"answer": "no", "reason": ""},
        {"at": NOW - timedelta(minutes=6)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_answer_about_something_else_does_not_count(
    changes: dict[str, Any], ready: tuple[Store, list[str]], keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    study = filed(store, plan_for("s1"))
    with pytest.raises(ApprovalError):
        answer(store, study, keys, "legal", **changes)


def test_a_no_after_a_yes_takes_the_approval_back(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    study = approved(store, plan_for("s1"), keys)
    later = NOW + timedelta(minutes=1)
    assert answer(store, study, keys, "legal", yes=False, now=later).missing == ("legal",)
    with pytest.raises(RefusedError):
        gate_of(store, signer, at=later).admit_run("s1")


def test_who_withdraws_or_unlinks_is_removed_at_the_next_round_and_stays_removed(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    gate = gate_of(store, signer)
    run = gate.admit_run("s1").run
    used = store.read(runs.members, run)
    assert _removed(gate, run, 1, signer) == {"sales": set(), "service": set()}
    gone, unlinked = used[0], next(one for one in used[1:] if one.site == used[0].site)
    item = Item("purchases", "churn-model", gone.site, "TW")
    store.run(make_statements, [said(gone.member, Act.WITHDRAWN, item)], at=NOW)
    assert _removed(gate, run, 2, signer)[gone.site] == {gone.pseudonym.hex()}
    store.run(unenrol_member, unlinked.member, unlinked.site, at=NOW)
    assert _removed(gate, run, 3, signer)[gone.site] == {gone.pseudonym.hex(), unlinked.pseudonym.hex()}


def _removed(gate: StoreGate, run: str, number: int, signer: Ed25519PrivateKey) -> dict[str, set[str]]:
    statements = gate.admit_round(run, number, {"sales": "aa", "service": "bb"})
    return {
        site: set(decode(check(signed, signer.public_key(), kind=REMOVALS_KIND))["removed"])
        for site, signed in statements.items()
    }


def test_a_round_is_settled_once_and_nothing_follows_the_end(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    gate = gate_of(store, signer)
    run = gate.admit_run("s1").run
    honest = honest_round(store, run, 1, signer=signer, at=NOW)
    report = replace(honest, sites={**honest.sites, "service": SiteRound(refusal=Refusal.POLICY)})
    gate.settle_round(report)
    with pytest.raises(RefusedError):
        gate.settle_round(report)
    with pytest.raises(RefusedError):
        gate.settle_round(replace(report, round=8))
    second = honest_round(store, run, 2, signer=signer, at=NOW)
    gate.settle_run(RunReport(run, "policy", 1))
    with pytest.raises(RefusedError, match="has ended"):
        gate.settle_round(second)
    with pytest.raises(RefusedError):
        gate.settle_run(RunReport(run, "completed", 1))
    with pytest.raises(RefusedError):
        gate.admit_round(run, 2, {"sales": "aa"})
    with pytest.raises(ReleaseError):
        store.run(release_model, run, thresholds=Thresholds(), at=NOW)
    assert kinds(store)[-2:] == ["round.settled", "run.settled"]


def test_what_a_site_says_it_used_must_be_whom_it_may_have_used(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    """The coordinator's word counts for nothing: the hub computes it from what it signed itself."""
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    gate = gate_of(store, signer)
    run = gate.admit_run("s1").run
    honest = honest_round(store, run, 1, signer=signer, at=NOW)
    trained = (one for one in store.read(runs.members, run) if part_of(plan_for("s1"), run, one.pseudonym) == "train")
    gone = next(one for one in trained if one.site == "sales")
    item = Item("purchases", "churn-model", "sales", "TW")
    store.run(make_statements, [said(gone.member, Act.WITHDRAWN, item)], at=NOW)
    later = honest_round(store, run, 1, signer=signer, at=NOW)
    assert later.sites["sales"].used_digest != honest.sites["sales"].used_digest
    sales = honest.sites["sales"]
    for lie, code in (
        (replace(honest, sites={**honest.sites, "sales": replace(sales, used_digest="a" * 64)}), "cohort-tampered"),
        (replace(honest, sites={**honest.sites, "sales": replace(sales, used=sales.used - 1)}), "cohort-tampered"),
        (replace(honest, sites={**honest.sites, "north": sales}), "cohort-tampered"),
        (replace(later, sites={**later.sites, "sales": sales}), "cohort-tampered"),
        (replace(honest, statements={}), "statement-missing"),
        (replace(honest, statements=dict.fromkeys(plan_for("s1").sites, honest.statements["sales"])), "statement-rep"),
        (replace(honest, round=2), "statement-replayed"),
        (replace(honest, kind="audit"), "round-out-of-order"),
        (replace(honest, statements=_forged(honest.statements)), "statement-forged"),
    ):
        with pytest.raises(RefusedError) as refused:
            gate.settle_round(lie)
        assert refused.value.code.startswith(code)
    assert kinds(store)[-1] == "finding.opened" or "run.refused" in kinds(store)
    gate.settle_round(honest)  # the statement is of before the withdrawal: so is what the site did
    after = honest_round(store, run, 2, signer=signer, at=NOW)
    assert after.sites["sales"].removed == 1
    soon = NOW + timedelta(seconds=2)
    store.run(make_statements, [said(gone.member, Act.GIVEN, item)], at=soon)
    gate.settle_round(after)
    again = honest_round(store, run, 3, signer=signer, at=soon)
    assert again.sites["sales"].removed == 1, "who was removed from a run stays removed, as at the site"
    gate.settle_round(again)


def _forged(statements: Mapping[str, Signed]) -> dict[str, Signed]:
    return {site: replace(one, signature=bytes(64)) for site, one in statements.items()}


def test_a_run_asked_for_again_comes_with_the_checkpoints_of_its_settled_rounds(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)

    def asked() -> Admission:
        return store.run(admit_run, "s1", run="run-1", signer=signer, at=NOW)

    first = asked()
    gate = gate_of(store, signer)
    for number in (1, 2):
        gate.settle_round(honest_round(store, "run-1", number, signer=signer, at=NOW, checkpoint=bytes([number]) * 9))
    again = asked()
    assert again == replace(first, checkpoints=(b"\x01" * 9, b"\x02" * 9))
    gate.settle_run(RunReport("run-1", "completed", 2))
    assert store.read(runs.checkpoints, "run-1") == ()
    with pytest.raises(RefusedError) as refused:
        asked()
    assert refused.value.code is Refusal.ROUND_OUT_OF_ORDER


def test_a_run_that_is_asked_for_again_after_its_permit_ended_is_settled_as_that(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    token, _ = store.run(issue_token, [TokenScope.RUNS_DRIVE], study="s1", expires_at=NOW + DAY, at=NOW)
    clock = [NOW]
    gate = StoreGate(store, signer=signer, clock=lambda: clock[0], new_run=lambda: "run-1", driver=token.id)
    admission = gate.admit_run("s1")
    gate.settle_round(honest_round(store, "run-1", 1, signer=signer, at=NOW))
    clock[0] = admission.permit.expires_at
    for _ in range(2):
        with pytest.raises(RefusedError) as refused:
            gate.admit_run("s1")
        assert refused.value.code is Refusal.PERMIT_EXPIRED
    outcome = store.read(runs.outcome, "run-1")
    assert outcome is not None
    assert (outcome.outcome, outcome.rounds) == ("permit-expired", 1)


def test_no_permit_outlives_its_study(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    soon = NOW + timedelta(minutes=10)
    approved(store, plan_for("s1"), keys, closes_at=soon)
    assert gate_of(store, signer).admit_run("s1").permit.expires_at == soon


def test_a_permit_ends_and_with_it_the_run(
    ready: tuple[Store, list[str]], signer: Ed25519PrivateKey, keys: dict[str, Ed25519PrivateKey]
) -> None:
    store, _ = ready
    approved(store, plan_for("s1"), keys)
    admission = gate_of(store, signer).admit_run("s1")
    at_its_end = gate_of(store, signer, at=admission.permit.expires_at)
    with pytest.raises(RefusedError) as refused:
        at_its_end.admit_round(admission.run, 1, {"sales": "aa"})
    assert refused.value.code is Refusal.PERMIT_EXPIRED
