"""Law: what bears on a study suspends it at the next question, whoever asks, without anybody having clicked."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.consent.scope import Provenance, Scope, ScopeClass
from consent_center.storage import governance
from consent_center.studies.contract import Certificate
from consent_center.studies.errors import ContractError, StudyError
from consent_center.studies.lifecycle import Stage
from consent_center.studies.tool import Tool
from consent_center.workflows.admit_round import admit_round
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.govern import attest_return, decide_scope, register_contract, register_tool
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.show_studies import show_study
from consent_center.workflows.staff_accounts import keep_person
from consent_center.workflows.watch_studies import watch_studies
from federated.errors import RefusedError
from tests.consent_center.studies.studying import GROCER, programme, study_text
from tests.consent_center.world import ABROAD, DAY, NOW, notice

SECOND = timedelta(seconds=1)


@pytest.fixture
def here(small_store):
    made = programme(small_store)
    small_store.run(enrol_members, made.members, "grocer", at=NOW - timedelta(hours=2))
    made.store.run(register_contract, GROCER, by="huang", at=NOW - timedelta(hours=2))
    return made


@pytest.fixture
def study(here):
    filed = here.file(study_text(sites="sales, grocer"))
    here.assess(filed.id)
    for name in ("huang", "lai", "lin", "sales-op", "grocer-op"):
        where = here.answer(filed, name)
    if "ethics" in where.missing:
        where = here.answer(filed, "yeh")
    assert where.approved
    return filed


def standing(here, study, *, at):
    return here.store.read(show_study, study.id, at=at).standing


def allowed_abroad(here, *, at):
    return here.store.read(ask_verdict, here.members[0], [ABROAD], at=at)[0].allowed


def test_a_certificate_that_ends_suspends_study_run_and_verdict_at_that_very_moment(here, study):
    signer = Ed25519PrivateKey.generate()
    ends = NOW + 10 * DAY
    before = ends - SECOND
    here.store.run(admit_run, study.id, run="r1", signer=signer, at=before)
    here.store.read(admit_round, "r1", 1, {"grocer": "n"}, signer=signer, at=before)
    assert allowed_abroad(here, at=before)
    assert not allowed_abroad(here, at=ends)
    assert standing(here, study, at=ends).stage is Stage.SUSPENDED
    assert "contract:grocer" in standing(here, study, at=ends).missing
    with pytest.raises(RefusedError, match="contract:grocer"):
        here.store.read(admit_round, "r1", 2, {"grocer": "n"}, signer=signer, at=ends)
    with pytest.raises(RefusedError, match="contract:grocer"):
        here.store.run(admit_run, study.id, run="r2", signer=signer, at=ends)


def test_the_sweep_records_a_suspension_once_and_blames_whoever_answers_for_it(here, study):
    ends = NOW + 10 * DAY
    assert here.store.run(watch_studies, at=ends - SECOND) == 0
    assert here.store.run(watch_studies, at=ends) == 2
    assert here.store.run(watch_studies, at=ends + SECOND) == 0
    found = here.store.read(governance.findings)
    assert {(one.kind, one.owner) for one in found} == {("study-suspended", "head"), ("contract-expired", "head")}
    here.store.run(
        register_contract,
        replace(GROCER, certificates=(Certificate("ISO 27001", NOW + 20 * DAY),)),
        by="huang",
        at=ends,
    )
    assert standing(here, study, at=ends).approved
    here.store.run(watch_studies, at=ends)
    steps = here.store.read(show_study, study.id, at=ends).steps
    assert [step.step for step in steps] == ["suspended", "resumed"]


def test_a_contract_that_does_not_cover_a_scope_holds_the_study(here, study):
    here.store.run(register_contract, replace(GROCER, scopes=("browsing",)), by="huang", at=NOW)
    assert "contract-scope:grocer" in standing(here, study, at=NOW).missing


def test_an_attested_return_ends_the_contract(here, study):
    here.store.run(attest_return, "grocer-2026", by="huang", at=NOW)
    assert not allowed_abroad(here, at=NOW)
    assert "contract:grocer" in standing(here, study, at=NOW).missing
    with pytest.raises(ContractError):
        here.store.run(attest_return, "grocer-2026", by="huang", at=NOW)


def test_a_transfer_abroad_without_a_mechanism_is_no_contract(here):
    with pytest.raises(ContractError, match="mechanism"):
        here.store.run(register_contract, replace(GROCER, transfer=""), by="huang", at=NOW)


def test_a_scope_that_became_sensitive_suspends_until_it_is_assessed_anew(here, study):
    stricter = Scope("purchases", ("basket", "spend"), ScopeClass.SENSITIVE, Provenance.OBSERVED, kinds=("health",))
    here.store.run(define, [stricter], at=NOW)
    where = standing(here, study, at=NOW)
    assert where.stage is Stage.SUSPENDED
    assert where.bearing == ("risk:sensitive-scopes",)
    here.assess(study.id)
    assert standing(here, study, at=NOW).bearing == ()


def test_a_notice_that_changed_materially_suspends_until_the_study_is_assessed_anew(here, study):
    later = NOW + DAY
    here.store.run(publish_notice, notice(2, at=later), at=later)
    assert "notice-changed:churn-model" in standing(here, study, at=later).missing
    here.assess(study.id, at=later + SECOND)
    assert not [one for one in standing(here, study, at=later + SECOND).missing if one.startswith("notice")]


def test_a_closed_scope_holds_every_study_that_asks_for_it(here, study):
    why = "Members complained about it."
    close = {"by": "lin", "role": "members-representative", "reason": why}
    here.store.run(decide_scope, "purchases", recipient="grocer", opens=False, **close, at=NOW)
    assert standing(here, study, at=NOW).bearing == ("scope-closed:purchases",)
    with pytest.raises(StudyError, match="scope-closed"):
        here.file(study_text("churn-2", sites="sales, grocer"))
    here.file(study_text("churn-3", sites="sales"))
    here.store.run(decide_scope, "purchases", recipient="grocer", opens=True, **close, at=NOW)
    assert standing(here, study, at=NOW).approved


def test_whoever_answers_for_a_study_and_leaves_suspends_it(here, study):
    here.store.run(keep_person, replace(here.person("head"), ends_at=NOW), by="ada", at=NOW)
    assert standing(here, study, at=NOW).bearing == ("accountable-left",)


def test_an_assessment_ends_exactly_when_it_says(here, study):
    ends = here.store.read(show_study, study.id, at=NOW).assessment.expires_at
    assert "assessment" not in standing(here, study, at=ends - SECOND).missing
    assert "assessment" in standing(here, study, at=ends).missing


def test_a_study_is_closed_at_its_closing_date(here, study):
    assert standing(here, study, at=study.closes_at).stage is Stage.CLOSED
    assert standing(here, study, at=study.closes_at - SECOND).stage is not Stage.CLOSED


def test_a_risky_tool_is_reviewed_by_itself_and_again_after_a_year(here):
    traits = frozenset({"runs unseen by members", "sees people who are not members"})
    tool = Tool("wifi", "Wi-Fi counters", "sales", "purchases", traits, "head", NOW)
    here.store.run(register_tool, tool, by="chen", at=NOW)
    assert here.store.run(watch_studies, at=NOW) == 1
    assert replace(tool, traits=frozenset({"made by somebody else"})).needs_review(at=NOW) is False
    looked = replace(tool, reviewed_at=NOW)
    assert not looked.needs_review(at=NOW + 365 * DAY - SECOND)
    assert looked.needs_review(at=NOW + 365 * DAY)
