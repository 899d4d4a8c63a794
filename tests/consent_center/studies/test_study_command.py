"""Law: `accord study` takes a study from a file to signed answers, and refuses in one line with what to do next."""

from datetime import timedelta

import pytest

from consent_center.cli.main import run
from consent_center.storage.transaction import Store
from consent_center.workflows.register_reviewer import register_reviewer
from federated.approvals import Pinned
from federated.keyfile import create_key
from privacy.keys import create_root_key
from tests.consent_center import world
from tests.consent_center.studies.studying import programme, study_text


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A programme on a database that the command line finds by its settings, an hour after it was founded."""
    monkeypatch.setattr("consent_center.cli.study.clock", lambda: world.NOW + timedelta(hours=1))
    keys = create_root_key(tmp_path / "root.key")
    url = f"sqlite:///{tmp_path / 'accord.db'}"
    for name, value in (("ENV", "dev"), ("DATABASE", url), ("ROOT_KEY", str(tmp_path / "root.key"))):
        monkeypatch.setenv(f"ACCORD_{name}", value)
    with Store.open(url, keys=keys) as store:
        programme(store)
        key = create_key(tmp_path / "huang.key")
        store.run(register_reviewer, Pinned("huang", "legal", "programme", key.public_key()), at=world.NOW)
    return tmp_path


def written(folder, text):
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_study_is_checked_filed_shown_and_answered(desk, capsys):
    path = written(desk, study_text())
    assert run(["study", "check", path, "--author", "wu"]) == 0
    assert "Nothing would be refused now." in capsys.readouterr().out
    assert run(["study", "submit", path, "--author", "wu"]) == 0
    assert run(["study", "show", "churn-1"]) == 1
    assert "missing   assessment, legal" in capsys.readouterr().out
    key = str(desk / "huang.key")
    approve = ["study", "approve", "churn-1", "--key", key, "--as", "huang", "--reason", "read and agreed"]
    assert run(approve) == 0
    assert "missing: assessment, members-representative" in capsys.readouterr().out
    assert run(["study", "submit", path, "--author", "wu"]) == 2
    assert "file the changed plan under another identifier" in capsys.readouterr().err


def test_an_unknown_key_is_refused_with_the_one_that_was_meant(desk, capsys):
    path = written(desk, study_text().replace("minimum_cohort", "minimum_cohorts"))
    assert run(["study", "check", path]) == 2
    assert "did you mean minimum_cohort?" in capsys.readouterr().err


def test_the_example_is_never_written_over_a_file(desk, capsys):
    path = str(desk / "new.yaml")
    assert run(["study", "new", path]) == 0
    assert run(["study", "new", path]) == 2
    assert "exists already" in capsys.readouterr().err
    from consent_center.studies.study_file import read_study_file

    assert read_study_file((desk / "new.yaml").read_text()).study == "churn-2026-12"


def test_a_plan_runs_on_mock_rows_without_any_data(desk, capsys):
    path = written(desk, study_text(sites="sales, grocer"))
    assert run(["study", "try", path, "--members", "300"]) == 0
    said = capsys.readouterr().out
    assert "completed after 4 rounds" in said
    assert "of members it says nothing" in said


RULE = study_text(sites="sales, grocer").replace("rounds: 3\n", "")
RULE = RULE.replace("model: churn-linear", "model: rule-decay").replace(
    "epsilon: 2.0", "cuts: {basket: [7], spend: [60]}"
)


def test_a_rule_is_asked_for_like_a_model_and_costs_no_training(desk, capsys):
    path = written(desk, RULE)
    assert run(["study", "check", path, "--author", "wu"]) == 0
    said = capsys.readouterr().out
    assert "Nothing would be refused now." in said
    assert "accuracy on public data" not in said
    assert run(["study", "submit", path, "--author", "wu"]) == 0
    assert run(["study", "try", path, "--members", "300"]) == 0
    assert "completed after 1 round" in capsys.readouterr().out
    assert run(["study", "try", path, "--members", "300", "--drop", "all"]) == 2
    assert "a rule learns nothing" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE.replace("cuts:", "epsilon: 1.0\ncuts:"), "leave epsilon out"),
        (RULE.replace("cuts:", "canaries: 500\ncuts:"), "leave canaries out"),
        (RULE.replace("cuts: {basket: [7], spend: [60]}", ""), "cuts say where the bins"),
        (RULE.replace("[7]", "seven"), "cuts say where the bins"),
        (RULE.replace("[7]", "[yes]"), "cuts say where the bins"),
        (RULE.replace("[7]", "[]"), "cuts say where the bins"),
        (RULE.replace("[7]", "[7, 9]"), "one cut for each signal"),
        (RULE.replace("[7]", "[51]"), "public range"),
        (RULE.replace("[7]", "[.inf]"), "public range"),
        (RULE.replace("basket: [7]", "pages: [7]"), "cuts name pages"),
        (RULE.replace("rule-decay", "rule-rfm"), "two cuts each"),
        (RULE.replace("rule-decay", "churn-linear"), "epsilon is missing"),
        (study_text() + "cuts: {basket: [7]}\n", "cuts are of a rule"),
    ],
)
def test_a_rule_that_is_none_is_refused_with_what_is_wrong(desk, capsys, text, said):
    assert run(["study", "check", written(desk, text)]) == 2
    assert said in capsys.readouterr().err


def test_what_dropping_a_scope_would_cost_is_told(desk, capsys, monkeypatch):
    from consent_center.workflows import try_drops, try_study
    from consent_center.workflows.try_study import Tried

    for module in (try_drops, try_study):
        monkeypatch.setattr(module, "try_plan", lambda *_, **__: Tried("completed", 3, 0.1, 3000, 0.81))
    path = written(desk, study_text())
    assert run(["study", "try", path, "--drop", "all"]) == 0
    said = capsys.readouterr().out
    assert "where every column weighs the same" in said
    assert "without purchases: AUC 0.50" in said
    assert run(["study", "try", path, "--drop", "phone"]) == 2
    assert "asks for no scope phone" in capsys.readouterr().err


def test_an_answer_is_signed_without_the_database(desk, capsys):
    from federated.approvals import read_approval
    from federated.keyfile import read_key
    from federated.signed import Signed

    key = desk / "huang.key"
    rest = [
        "--key",
        str(key),
        "--as",
        "huang",
        "--role",
        "legal",
        "--organisation",
        "programme",
        "--reason",
        "too vague",
    ]
    assert run(["study", "sign", "churn-1", "--digest", "ab" * 32, *rest, "--refuse"]) == 0
    signed = Signed.from_text(capsys.readouterr().out)
    assert read_approval(signed, read_key(key).public_key()).answer == "no"
    assert run(["study", "sign", "churn-1", "--digest", "ab", *rest]) == 2


def test_schemas_are_told(desk, capsys):
    assert run(["study", "schemas"]) == 0
    assert "basket" in capsys.readouterr().out
