"""`accord demo` tells the whole story: what it writes is what happened, and what must be refused is refused.

The law: no step of the report can be there unless the product did it.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.demo.stories import tell

WANTED = {
    "data", "sites", "members", "cohort_by_site_and_round", "withdrawn_midrun", "rounds", "epsilon", "delta", "unit",
    "adjacency", "noise_mode", "auc_federated", "auc_interval", "auc_central_nonprivate", "ledger", "fairness",
    "release", "refusals", "log", "seconds",
}  # fmt: skip


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        tell(patch, folder, data="journey")
    return folder


@pytest.fixture(scope="module")
def told(out: Path) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return data


def test_the_report_has_every_field(told: dict[str, Any]) -> None:
    assert set(told) >= WANTED
    assert {"budget", "spent", "refused"} <= set(told["ledger"])
    assert {"size", "root", "verified", "tamper_detected"} <= set(told["log"])
    assert told["data"] == "journey"
    assert len(told["sites"]) == 4


def test_any_one_member_of_the_run_pays_two_and_the_ledger_answers_for_four(told: dict[str, Any]) -> None:
    assert told["epsilon"] == pytest.approx(2.0, abs=1e-6)
    assert told["epsilon"] <= 2.0
    assert told["ledger"]["budget"]["epsilon"] == 4.0
    assert told["ledger"]["budget"]["epsilon_pure"] == 2.0
    assert told["ledger"]["spent"]["mu2"] <= told["ledger"]["budget"]["mu2"]
    assert told["ledger"]["refused"] == 1


def test_those_who_withdraw_in_the_middle_are_in_no_later_sum(told: dict[str, Any]) -> None:
    at, last = told["withdrawn_after_round"], told["rounds"]
    used = told["cohort_by_site_and_round"]
    assert told["withdrawn_midrun"] == 25
    before = sum(counts[at - 1] for counts in used.values())
    after = sum(counts[at] for counts in used.values())
    assert before - after == 25
    for site, counts in used.items():
        assert set(counts[:at]) == {counts[0]}
        assert set(counts[at:last]) == {counts[at]}
        digests = told["digest_by_site_and_round"][site]
        assert len(set(digests[:at])) == len(set(digests[at:last])) == 1
        assert (digests[at - 1] != digests[at]) == (counts[at - 1] != counts[at])


def test_too_few_gave_their_age_so_the_model_is_withheld_and_only_a_named_override_lets_it_through(
    told: dict[str, Any],
) -> None:
    assert told["release"]["verdict"] == "INSUFFICIENT"
    assert told["release"]["state"] == "withheld"
    assert told["release"]["override"]["by"]
    assert told["release"]["override"]["reason"]
    assert told["release"]["override"]["until"]


def test_every_refusal_names_its_reason(told: dict[str, Any]) -> None:
    assert [one["reason"] for one in told["refusals"]] == [
        "self-approval", "over-budget", "cohort-tampered", "cohort-too-small",
    ]  # fmt: skip


def test_the_model_is_useful_and_the_reference_says_what_it_is(told: dict[str, Any]) -> None:
    low, high = told["auc_interval"]
    assert low <= told["auc_federated"] <= high
    assert told["auc_federated_exact_nonprivate"] > 0.65
    assert "never available in production" in told["nonprivate_note"]


def test_the_log_verifies_in_a_process_that_knows_nothing_else(out: Path, told: dict[str, Any]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(out / "log"), "--key", str(out / "log.vkey")],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert told["log"]["root"] in done.stdout
    assert told["log"]["tamper_detected"] is True


def test_the_page_loads_nothing_and_runs_nothing(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "INSUFFICIENT" in page


def test_keys_are_readable_by_their_owner_alone(out: Path) -> None:
    keys = [path for path in out.rglob("*.key") if path.is_file()]
    assert len(keys) >= 3 + 1 + 4 + 3
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}
