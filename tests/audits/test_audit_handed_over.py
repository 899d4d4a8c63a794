"""Law: whoever drives the audit of a finished model is handed that very model with the admission; nobody else is."""

from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.release_model import release_model
from federated.gate import Admission
from federated.gate_wire import admission_bytes, parse_admission
from federated.models.score_plan import score_plan
from tests.audits.auditing import EVEN, SIGNER, Audits, content, results
from tests.consent_center.world import NOW

WHY = {"demographics": "Gaps cannot be seen else."}


def admitted(office: Audits, study: str) -> Admission:
    made = office.store.run(admit_run, study, run=f"run-of-{study}", signer=SIGNER, at=NOW)
    assert parse_admission(admission_bytes(made)) == made
    again = office.store.run(admit_run, study, run=f"run-of-{study}", signer=SIGNER, at=NOW)
    assert again.package == made.package
    return made


def test_an_audit_of_a_finished_model_is_admitted_with_the_model(office: Audits) -> None:
    _, model = office.train("churn-1", results(EVEN))
    office.approve(office.filed(office.plan("again-1", model), WHY))
    assert admitted(office, "again-1").package == model


def test_a_training_and_an_audit_of_somebody_elses_answers_are_admitted_with_none(office: Audits) -> None:
    office.train("churn-1", results(EVEN))
    assert admitted(office, "churn-1").package == b""
    office.approve(office.filed(office.plan("content-1", content()), WHY))
    assert admitted(office, "content-1").package == b""


def test_a_site_that_scores_brings_its_own_copy(office: Audits) -> None:
    run, model = office.train("churn-1", results(EVEN))
    office.store.run(release_model, run, at=NOW)
    plan = score_plan(
        study="score-1", country="TW", site="sales", purpose="churn-model", scopes=("purchases",), package=model
    )
    office.approve(office.filed(plan, {"purchases": "It was trained on what members buy."}))
    assert admitted(office, "score-1").package == b""
