"""Law: a model is used only after a PASS of exactly that model on counts of now; a model in use whose next audit does
not pass is suspended and nothing is scored with it; bad evidence is a verdict or a refusal, never a silent pass."""

from datetime import timedelta

import pytest

from audit.fairness.verdict import Thresholds
from consent_center.storage import releases
from consent_center.studies.errors import ReleaseError
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.change_model import change_model
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_audits import audit_cases, list_audits, show_audit, show_calendar
from consent_center.workflows.watch_audits import watch_audits
from federated.errors import Refusal, RefusedError
from federated.models.score_plan import score_plan
from federated.plan import digest
from tests.audits.auditing import EVEN, FEW, LATER, ONE_CLASS, REASON, SIGNER, UNEVEN, UNSURE, Audits, results
from tests.consent_center.world import DAY, NOW


def judge(office: Audits, run: str, *, at=NOW, **more) -> releases.Release:
    return office.store.run(release_model, run, at=at, **more)


def usable(office: Audits, model: bytes, *, at=NOW) -> bool:
    return releases.is_usable(office.store.read(releases.latest, digest(model)), at=at)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (EVEN, "PASS"),
        (UNEVEN, "FAIL"),
        (UNSURE, "INCONCLUSIVE"),
        (FEW, "INSUFFICIENT"),
        (ONE_CLASS, "INSUFFICIENT"),
    ],
)
def test_only_a_pass_releases(office: Audits, found, verdict: str) -> None:
    run, model = office.train("churn-1", results(found))
    made = judge(office, run)
    assert made.verdict == verdict
    assert made.model_digest == digest(model)
    assert usable(office, model) == (verdict == "PASS")
    assert [one.kind for one in office.store.read(audit_cases)] == ([] if verdict == "PASS" else ["audit-failed"])


def test_counts_made_negative_by_noise_are_insufficient_not_a_division_by_zero(office: Audits) -> None:
    found = results(FEW)
    found["tables"]["age"]["cells"][1] = [[-3, -2], [-1, -4], [-2, 0]]
    made = judge(office, office.train("churn-1", found)[0])
    assert made.verdict == "INSUFFICIENT"
    assert made.state == "withheld"


def test_an_attribute_that_nobody_gave_is_insufficient(office: Audits) -> None:
    nobody = {"young": (0, 0.0), "old": (0, 0.0)}
    assert judge(office, office.train("churn-1", results(nobody))[0]).verdict == "INSUFFICIENT"


def test_a_run_that_a_site_left_has_nothing_to_judge(office: Audits) -> None:
    run, _ = office.train("churn-1", None)
    with pytest.raises(ReleaseError, match="not completed"):
        judge(office, run)


def test_a_run_is_judged_once(office: Audits) -> None:
    run, _ = office.train("churn-1", results(UNEVEN))
    judge(office, run)
    with pytest.raises(ReleaseError, match="judged already"):
        judge(office, run)


def test_counts_of_last_month_release_nothing(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    with pytest.raises(ReleaseError, match="30 days"):
        judge(office, run, at=NOW + timedelta(days=31))
    assert not usable(office, model)


def test_an_audit_of_another_model_does_not_release_this_one(office: Audits) -> None:
    _, model = office.train("churn-1", results(EVEN))
    run, other = office.train("churn-2", results(EVEN))
    judge(office, run)
    assert usable(office, other)
    assert not usable(office, model)


def test_a_released_model_that_passes_again_stays_released(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    made = judge(office, office.again("again-1", model, results(EVEN), at=LATER), at=LATER)
    assert (made.model_digest, made.state) == (digest(model), "released")


@pytest.mark.parametrize("found", [UNEVEN, UNSURE, FEW, ONE_CLASS])
def test_a_released_model_whose_next_audit_does_not_pass_is_suspended(office: Audits, found) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    made = judge(office, office.again("again-1", model, results(found), at=LATER), at=LATER)
    assert made.state == "suspended"
    assert not usable(office, model, at=LATER)
    assert office.store.read(show_calendar) == []


def test_nothing_is_scored_with_a_suspended_model(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    plan = score_plan(
        study="score-1", country="TW", site="sales", purpose="churn-model", scopes=("purchases",), package=model
    )
    study = office.approve(office.filed(plan, {"purchases": "It was trained on what members buy."}))
    office.store.run(admit_run, study.id, run="score-run-1", signer=SIGNER, at=NOW)
    judge(office, office.again("again-1", model, results(UNEVEN)))
    with pytest.raises(RefusedError) as refused:
        office.store.run(admit_run, study.id, run="score-run-2", signer=SIGNER, at=NOW)
    assert refused.value.code is Refusal.MODEL_NOT_RELEASED


def test_an_audit_does_not_bring_a_suspended_model_back(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    office.store.run(
        change_model, digest(model), to="suspended", code="complaint", by="lai", reason="A member complained.", at=NOW
    )
    again = office.again("again-1", model, results(EVEN))
    with pytest.raises(ReleaseError, match="suspended"):
        judge(office, again)


def test_a_withheld_model_may_pass_a_later_audit(office: Audits) -> None:
    run, model = office.train("churn-1", results(UNSURE))
    judge(office, run)
    made = judge(office, office.again("again-1", model, results(EVEN), at=LATER), at=LATER)
    assert made.state == "released"
    assert usable(office, model, at=LATER)


def test_an_override_is_in_every_later_report_of_the_model(office: Audits) -> None:
    run, model = office.train("churn-1", results(UNEVEN))
    judge(office, run)
    office.override(model)
    again = office.again("again-1", model, results(EVEN), at=LATER)
    judge(office, again, at=LATER)
    for name in (run, again):
        page = office.store.read(show_audit, name)
        assert [(one.by, one.reason) for one in page.overrides] == [("lai", REASON)]


def test_an_overridden_model_whose_next_audit_does_not_pass_is_suspended(office: Audits) -> None:
    run, model = office.train("churn-1", results(UNEVEN))
    judge(office, run)
    office.override(model)
    assert usable(office, model)
    assert judge(office, office.again("again-1", model, results(UNEVEN))).state == "suspended"
    assert not usable(office, model)


def test_limits_that_the_plan_names_cannot_be_changed_after_approval(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    again = office.again("again-1", model, results(UNSURE), limits={"impact_ratio": 0.9})
    with pytest.raises(ReleaseError, match="other limits"):
        judge(office, again, thresholds=Thresholds(impact_ratio=0.5))
    assert judge(office, again).report["thresholds"]["impact_ratio"] == 0.9


def test_a_model_in_use_is_due_again_and_late_audits_become_one_finding(office: Audits) -> None:
    run, _ = office.train("churn-1", results(EVEN))
    judge(office, run)
    due = office.store.read(show_calendar)
    assert [one.due_at for one in due] == [NOW + timedelta(days=90)]
    assert office.store.run(watch_audits, at=NOW + timedelta(days=89)) == 0
    late = NOW + timedelta(days=90)
    assert [office.store.run(watch_audits, at=late) for _ in range(2)] == [1, 0]
    assert [(one.kind, one.owner) for one in office.store.read(audit_cases)] == [("audit-overdue", "head")]


def test_an_override_is_due_before_it_ends(office: Audits) -> None:
    run, model = office.train("churn-1", results(UNEVEN))
    judge(office, run)
    office.override(model)
    assert [one.due_at for one in office.store.read(show_calendar)] == [NOW + 20 * DAY]


def test_the_list_tells_each_audit_and_where_its_model_stands_now(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    judge(office, run)
    judge(office, office.again("again-1", model, results(UNEVEN), at=LATER), at=LATER)
    lines = office.store.read(list_audits)
    assert [(one.study, one.audit.verdict, one.now.state) for one in lines] == [
        ("again-1", "FAIL", "suspended"),
        ("churn-1", "PASS", "suspended"),
    ]
