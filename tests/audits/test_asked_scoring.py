"""Law: a site's members are scored by a study of its own, filed with a model that may be used at that moment; a file
that says it wrongly is refused with everything that is wrong, and nothing is filed."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from consent_center.cli import study_assess, study_score
from consent_center.cli.main import run
from consent_center.errors import ForbiddenError
from consent_center.storage import studies
from consent_center.studies.assessment import QUESTIONS
from consent_center.studies.errors import ReleaseError, StudyFileError
from consent_center.studies.score_file import ScoreFile, read_score_file, score_study
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.file_study import file_study
from consent_center.workflows.machine_tokens import start_run
from consent_center.workflows.plan_score import plan_score, usable_model
from consent_center.workflows.release_model import release_model
from federated.errors import RefusedError
from federated.plan import digest
from tests.audits.auditing import EVEN, SIGNER, UNEVEN, Audits, results
from tests.consent_center.world import DAY, KEYS, NOW

FILE = """
study: offers-1
title: Offers for members who may come less often
reason: An offer that suits a member may bring her back.
benefits: Fewer offers, better chosen.
accountable: head
retention_days: 365
closes: 2027-03-31
country: TW
site: sales
purpose: churn-model
scopes: {purchases: The model was trained on them and reads nothing else.}
model: MODEL
"""


def asked(model: bytes, more: str = "") -> ScoreFile:
    return read_score_file(FILE.replace("MODEL", digest(model)) + more)


def trained(office: Audits, found: dict) -> bytes:
    name, model = office.train("churn-1", results(found))
    office.store.run(release_model, name, at=NOW)
    return model


def test_a_filed_scoring_is_approved_and_admitted_like_any_study(office: Audits) -> None:
    model = trained(office, EVEN)
    study = office.store.read(plan_score, asked(model), author="wu", organisation="programme", at=NOW)
    office.approve(office.store.run(file_study, study, at=NOW))
    admitted = office.store.run(admit_run, "offers-1", run="scored", signer=SIGNER, at=NOW)
    assert (admitted.plan.sites, admitted.plan.package) == (("sales",), digest(model))
    assert admitted.plan.settings["threshold"] == 0.5
    assert admitted.plan.horizon_days == 28


def test_a_sites_own_token_starts_scorings_of_its_members_and_nothing_else(office: Audits) -> None:
    study = office.store.read(plan_score, asked(trained(office, EVEN)), author="wu", organisation="programme", at=NOW)
    filed = office.store.run(file_study, study, at=NOW)
    with pytest.raises(RefusedError, match="not approved"):
        office.store.run(start_run, "offers-1", site="sales", at=NOW)
    office.approve(filed)
    assert office.store.run(start_run, "offers-1", site="sales", at=NOW).sites == ("sales",)
    for site, wanted in (("grocer", "offers-1"), ("sales", "churn-1")):
        with pytest.raises(ForbiddenError, match="own members only"):
            office.store.run(start_run, wanted, site=site, at=NOW)
    assert office.store.run(start_run, "churn-1", at=NOW).sites == ("sales",)
    with pytest.raises(ForbiddenError, match="accord site score"):  # a coordinator would be charged for it in vain
        office.store.run(start_run, "offers-1", at=NOW)


def test_what_the_file_says_is_what_reviewers_sign(office: Audits) -> None:
    more = "threshold: 0.3\nhorizon_days: 14\nepsilon: 0.05\nminimum_cohort: 70\n"
    plan = office.store.read(
        plan_score, asked(trained(office, EVEN), more), author="wu", organisation="programme", at=NOW
    ).parsed()
    assert (plan.settings["threshold"], plan.horizon_days, plan.minimum_cohort) == (0.3, 14, 70)
    assert float(plan.releases[0].mechanism.epsilon) == 0.05


def test_a_threshold_of_nothing_is_refused_and_never_becomes_the_models_own(office: Audits) -> None:
    model = trained(office, EVEN)
    with pytest.raises(StudyFileError, match="threshold is a number above 0"):
        asked(model, "threshold: 0\n")
    with pytest.raises(StudyFileError, match="threshold, between 0 and 1"):
        score_study(replace(asked(model), threshold=0.0), package=model, author="wu", organisation="programme", at=NOW)


@pytest.mark.parametrize("found", [UNEVEN, None])
def test_a_model_that_is_not_released_is_neither_filed_with_nor_handed_out(office: Audits, found: dict | None) -> None:
    model = trained(office, found) if found else b"made by nobody"
    for ask in (
        lambda: office.store.read(usable_model, digest(model), at=NOW),
        lambda: office.store.read(plan_score, asked(model), author="wu", organisation="programme", at=NOW),
    ):
        with pytest.raises(ReleaseError, match="released" if found else "no model, or more"):
            ask()


def test_a_model_that_was_let_through_is_handed_out_until_that_ends(office: Audits) -> None:
    model = trained(office, UNEVEN)
    office.override(model)
    assert office.store.read(usable_model, digest(model), at=NOW + 19 * DAY) == model
    assert office.store.read(usable_model, digest(model)[:12], at=NOW + 19 * DAY) == model
    with pytest.raises(ReleaseError, match="more than one"):
        office.store.read(usable_model, "", at=NOW)
    with pytest.raises(ReleaseError, match="its release has ended"):
        office.store.read(usable_model, digest(model), at=NOW + 21 * DAY)


def test_every_problem_of_a_file_is_told_at_once() -> None:
    wrong = FILE.replace("site: sales", "sites: [sales]") + "threshold: 2\nepsilon: .nan\nminimum_cohort: 0\n"
    with pytest.raises(StudyFileError) as refused:
        read_score_file(wrong)
    told = " ".join(refused.value.problems)
    for part in ("did you mean site?", "site is missing", "threshold is", "epsilon is", "minimum_cohort is"):
        assert part in told


@pytest.mark.parametrize("text", ["", "[", "- x", "a: 1", "x" * 70_000, "\x00"])
def test_what_is_no_scoring_file_is_refused_in_words(text: str) -> None:
    with pytest.raises(StudyFileError):
        read_score_file(text)


def test_an_assessment_is_a_file_of_answers_of_which_none_may_be_missing(
    office: Audits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(tmp_path, monkeypatch)
    study = office.store.read(plan_score, asked(trained(office, EVEN)), author="wu", organisation="programme", at=NOW)
    office.store.run(file_study, study, at=NOW)
    path = tmp_path / "answers.yaml"
    path.write_text("need: It reads what it was trained on.\nharms: none\n")
    assert run(["study", "assess", "offers-1", str(path), "--as", "chen"]) == 2
    assert "did you mean harm?" in capsys.readouterr().err
    path.write_text("".join(f"{one}: Said in a whole sentence.\n" for one in QUESTIONS))
    assert run(["study", "assess", "offers-1", str(path), "--as", "wu"]) == 2
    assert run(["study", "assess", "offers-1", str(path), "--as", "chen"]) == 0
    assert "risk 0." in capsys.readouterr().out


def test_the_command_files_it_and_hands_the_model_out(
    office: Audits, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settled(tmp_path, monkeypatch)
    model, path, out = trained(office, EVEN), tmp_path / "scoring.yaml", tmp_path / "churn.model"
    path.write_text(FILE.replace("MODEL", digest(model)))
    assert run(["study", "score", str(path), "--author", "wu", "--check"]) == 0
    assert "nothing was filed" in capsys.readouterr().out
    assert run(["study", "score", str(path), "--author", "wu"]) == 0
    assert office.store.read(studies.get, "offers-1").plan_digest in capsys.readouterr().out
    assert run(["study", "model", digest(model), str(out)]) == 0
    assert out.read_bytes() == model
    assert run(["study", "model", digest(model), str(out)]) == 2
    assert run(["study", "score", str(tmp_path / "none.yaml"), "--author", "wu"]) == 2
    assert "exists already" in capsys.readouterr().err


def settled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The office's database is the one that commands find by their settings, an hour later."""
    for name, value in (("ENV", "dev"), ("DATABASE", f"sqlite:///{folder / 'accord.db'}"), ("ROOT_KEY", "root.key")):
        monkeypatch.setenv(f"ACCORD_{name}", value)
    monkeypatch.setattr("consent_center.cli.audit_store.read_root_key", lambda _: KEYS)
    for command in (study_score, study_assess):
        monkeypatch.setattr(command, "clock", lambda: NOW + timedelta(hours=1))
