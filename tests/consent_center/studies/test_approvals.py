"""Law: a study is approved only by everybody it needs, by nobody twice over, over exactly its plan; else it is not."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage.entries import leaves_since
from consent_center.studies.errors import ApprovalError, DutiesError, SelfApprovalError, StaffError, StudyError
from consent_center.studies.lifecycle import Stage
from consent_center.studies.policy import Quorum, StudyPolicy
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.govern import decide_policy
from consent_center.workflows.show_studies import show_queue, show_study
from consent_center.workflows.staff_accounts import end_stand_in, keep_person, show_staff, stand_in
from consent_center.workflows.suspend_study import resume_study, suspend_study
from federated.errors import RefusedError
from tests.consent_center.studies.studying import programme, study_text
from tests.consent_center.world import DAY, NOW


@pytest.fixture
def here(small_store):
    return programme(small_store)


@pytest.fixture
def study(here):
    filed = here.file(study_text())
    here.assess(filed.id)
    return filed


def approve_all(here, study):
    for name in ("huang", "lai", "lin"):
        here.answer(study, name)
    return here.answer(study, "sales-op")


def test_a_study_goes_from_file_to_approved_on_both_databases(store):
    here = programme(store)
    filed = here.file(study_text())
    assert here.store.read(show_study, filed.id, at=NOW).standing.stage is Stage.FILED
    here.assess(filed.id)
    assert here.answer(filed, "huang").missing == ("members-representative", "site:sales", "technology")
    here.answer(filed, "lai")
    here.answer(filed, "lin")
    assert here.answer(filed, "sales-op").approved
    admission = here.store.run(admit_run, filed.id, run="r1", signer=Ed25519PrivateKey.generate(), at=NOW)
    assert admission.orders["sales"].plan == filed.plan


def test_partial_approval_is_no_approval_and_says_who_is_missing(here, study):
    here.answer(study, "huang")
    here.answer(study, "lai")
    where = here.answer(study, "sales-op")
    assert not where.approved
    assert where.missing == ("members-representative",)
    with pytest.raises(RefusedError, match="members-representative"):
        here.store.run(admit_run, study.id, run="r", signer=Ed25519PrivateKey.generate(), at=NOW)


def test_one_no_outweighs_every_yes_until_it_is_taken_back(here, study):
    approve_all(here, study)
    assert here.answer(study, "lin", say="no", at=NOW + timedelta(minutes=1)).stage is Stage.REFUSED
    assert here.answer(study, "lin", at=NOW + timedelta(minutes=2)).approved


def test_the_author_cannot_answer_even_if_she_becomes_a_reviewer(here, study):
    here.store.run(
        keep_person, replace(here.person("wu"), roles=here.person("lai").roles), by="ada", at=NOW - timedelta(hours=1)
    )
    from consent_center.workflows.register_reviewer import register_reviewer
    from federated.approvals import Approval, Pinned, sign_approval

    key = Ed25519PrivateKey.generate()
    here.store.run(register_reviewer, Pinned("wu", "technology", "programme", key.public_key()), at=NOW)
    own = Approval(study.id, study.plan_digest, "wu", "technology", "programme", "yes", "my own", NOW)
    from consent_center.workflows.approve_study import approve_study

    with pytest.raises(SelfApprovalError):
        here.store.run(approve_study, sign_approval(own, key), reviewer="wu", at=NOW)


def test_whoever_proposed_a_change_cannot_answer(here):
    filed = here.file(study_text("churn-2") + "proposed_by: [huang]\n")
    with pytest.raises(SelfApprovalError):
        here.answer(filed, "huang")


def test_whoever_assessed_for_governance_may_not_answer_for_a_site(here):
    filed = here.file(study_text())
    here.assess(filed.id, assessor="huang")
    here.store.run(
        keep_person,
        replace(here.person("huang"), roles=here.person("sales-op").roles, site="sales"),
        by="ada",
        at=NOW,
    )
    from consent_center.workflows.approve_study import approve_study
    from consent_center.workflows.register_reviewer import register_reviewer
    from federated.approvals import Approval, Pinned, sign_approval

    key = here.keys["huang"]
    here.store.run(register_reviewer, Pinned("huang", "site:sales", "programme", key.public_key()), at=NOW)
    yes = Approval(filed.id, filed.plan_digest, "huang", "site:sales", "programme", "yes", "for the site", NOW)
    with pytest.raises(DutiesError) as refused:
        here.store.run(approve_study, sign_approval(yes, key), reviewer="huang", at=NOW)
    assert refused.value.held == "governance"


def test_an_answer_over_another_plan_or_from_another_hand_does_not_count(here, study):
    with pytest.raises(ApprovalError, match="another plan"):
        here.answer(study, "huang", plan_digest="0" * 64)
    with pytest.raises(ApprovalError, match="another reviewer, role"):
        here.answer(study, "huang", role="technology")
    here.keys["huang"] = Ed25519PrivateKey.generate()
    with pytest.raises(ApprovalError, match="registered key"):
        here.answer(study, "huang")


def test_an_answer_replayed_on_another_study_does_not_count(here, study):
    other = here.file(study_text("churn-2", epsilon=1.0))
    with pytest.raises(ApprovalError, match="another plan"):
        here.answer(other, "huang", plan_digest=study.plan_digest)


def test_the_same_document_counts_once(here, study):
    here.answer(study, "huang")
    with pytest.raises(ApprovalError, match="given before"):
        here.answer(study, "huang")


def test_an_answer_signed_at_another_time_does_not_count(here, study):
    with pytest.raises(ApprovalError, match="another time"):
        here.store.run(_present, here, study, at=NOW)


def test_nothing_of_a_closed_study_is_approved(here, study):
    just_before = study.closes_at - timedelta(seconds=1)
    here.store.run(_present, here, study, at=just_before, signed=just_before)
    with pytest.raises(ApprovalError, match="closed"):
        here.store.run(_present, here, study, at=study.closes_at, signed=study.closes_at)


def _present(tx, here, study, *, at, signed=None):
    from consent_center.workflows.approve_study import approve_study
    from federated.approvals import Approval, sign_approval

    late = Approval(
        study.id,
        study.plan_digest,
        "huang",
        "legal",
        "programme",
        "yes",
        "read it",
        signed or at - timedelta(minutes=5, seconds=1),
    )
    return approve_study(tx, sign_approval(late, here.keys["huang"]), reviewer="huang", at=at)


def test_a_reviewer_who_left_no_longer_counts(here, study):
    here.store.run(keep_person, replace(here.person("huang"), ends_at=NOW), by="ada", at=NOW - timedelta(minutes=1))
    with pytest.raises(ApprovalError, match="has left"):
        here.answer(study, "huang")


def test_an_answer_expires_exactly_when_the_policy_says(here, study):
    approve_all(here, study)
    lasts = StudyPolicy().approval_lasts
    before = here.store.read(show_study, study.id, at=NOW + lasts - timedelta(microseconds=1)).standing
    assert before.approved
    assert "legal" in here.store.read(show_study, study.id, at=NOW + lasts).standing.missing


def test_two_organisations_are_needed_where_the_policy_says_so(here, study):
    here.store.run(decide_policy, StudyPolicy(quorum=Quorum({"legal": 1, "technology": 1}, 2)), by="chen", at=NOW)
    for name in ("huang", "lai", "sales-op"):
        where = here.answer(study, name)
    assert where.missing == ("organisations",)


def test_a_quorum_of_two_needs_two_people(here, study):
    here.store.run(decide_policy, StudyPolicy(quorum=Quorum({"legal": 2})), by="chen", at=NOW)
    here.answer(study, "sales-op")
    assert here.answer(study, "huang").missing == ("legal",)


def test_a_stand_in_answers_in_the_lent_role_and_only_while_it_is_lent(here, study):
    here.store.run(stand_in, reviewer="lin", stand_in="yeh", ends=NOW + DAY, at=NOW - timedelta(minutes=1))
    where = here.answer(study, "yeh", role="members-representative")
    assert "members-representative" not in where.missing
    later = here.file(study_text("churn-3", epsilon=1.0), at=NOW + DAY)
    with pytest.raises(ApprovalError):
        here.answer(later, "yeh", role="members-representative", at=NOW + DAY)


def lent_to_yeh(here) -> int:
    here.store.run(stand_in, reviewer="lin", stand_in="yeh", ends=NOW + 9 * DAY, at=NOW - timedelta(minutes=1))
    _, (given,) = here.store.read(show_staff, at=NOW)
    return given.number


@pytest.mark.parametrize("by", ["lin", "yeh", "ada"])
def test_a_stand_in_ends_early_with_an_entry_and_answers_no_more(here, study, by):
    number = lent_to_yeh(here)
    before = len(here.store.read(leaves_since, 0))
    here.store.run(end_stand_in, number, by=by, at=NOW)
    (new,) = here.store.read(leaves_since, before)
    assert b"stand-in.ended" in new
    with pytest.raises(ApprovalError):
        here.answer(study, "yeh", role="members-representative")
    with pytest.raises(StaffError, match="ended"):
        here.store.run(end_stand_in, number, by=by, at=NOW)


@pytest.mark.parametrize("by", ["huang", "chen", "aud"])
def test_nobody_else_ends_a_stand_in(here, by):
    number = lent_to_yeh(here)
    with pytest.raises(StaffError, match="administrator"):
        here.store.run(end_stand_in, number, by=by, at=NOW)
    assert here.store.read(show_staff, at=NOW)[1]


def test_what_a_stand_in_answered_counts_after_she_has_gone(here, study):
    number = lent_to_yeh(here)
    here.answer(study, "yeh", role="members-representative")
    here.store.run(end_stand_in, number, by="lin", at=NOW)
    found = here.store.read(show_study, study.id, at=NOW)
    assert "members-representative" in found.standing.agreed


def test_a_lent_role_ends_when_its_reviewer_leaves_or_changes_it(here, study):
    lent_to_yeh(here)
    gone = replace(here.person("lin"), ends_at=NOW)
    here.store.run(keep_person, gone, by="ada", at=NOW)
    assert here.store.read(show_staff, at=NOW)[1] == []
    with pytest.raises(ApprovalError):
        here.answer(study, "yeh", role="members-representative")


def test_nobody_answers_one_study_in_two_roles(here, study):
    here.store.run(stand_in, reviewer="lin", stand_in="huang", ends=NOW + DAY, at=NOW)
    here.answer(study, "huang")
    with pytest.raises(ApprovalError, match="another role"):
        here.answer(study, "huang", role="members-representative")


def test_a_colleague_stands_in_once_at_a_time(here):
    lent_to_yeh(here)
    with pytest.raises(StaffError, match="already"):
        here.store.run(stand_in, reviewer="lin", stand_in="yeh", ends=NOW + DAY, at=NOW)


def test_a_stand_in_cannot_be_oneself_nor_for_ever(here):
    with pytest.raises(StaffError):
        here.store.run(stand_in, reviewer="lin", stand_in="lin", ends=NOW + DAY, at=NOW)
    with pytest.raises(StaffError):
        here.store.run(stand_in, reviewer="lin", stand_in="yeh", ends=NOW + 61 * DAY, at=NOW)
    with pytest.raises(StaffError):
        here.store.run(stand_in, reviewer="lin", stand_in="sales-op", ends=NOW + DAY, at=NOW)


def test_a_suspension_by_hand_stops_and_a_reviewer_lets_it_go_on(here, study):
    approve_all(here, study)
    why = "A member complained about the notice."
    here.store.run(suspend_study, study.id, by="lin", role="members-representative", reason=why, at=NOW)
    assert here.store.read(show_study, study.id, at=NOW).standing.stage is Stage.SUSPENDED
    with pytest.raises(StudyError):
        here.store.run(suspend_study, study.id, by="lin", role="members-representative", reason=why, at=NOW)
    here.store.run(resume_study, study.id, by="huang", role="legal", reason="The notice was read again.", at=NOW)
    assert here.store.read(show_study, study.id, at=NOW).standing.approved


def test_a_queue_holds_what_waits_and_nothing_else(here, study):
    assert [one.what for one in here.store.read(show_queue, here.person("huang"), at=NOW)] == ["answer"]
    here.answer(study, "huang")
    assert here.store.read(show_queue, here.person("huang"), at=NOW) == []
    assert here.store.read(show_queue, here.person("wu"), at=NOW) == []
    unassessed = here.file(study_text("churn-9", epsilon=1.0))
    assert [one.study for one in here.store.read(show_queue, here.person("chen"), at=NOW)] == [unassessed.id]
