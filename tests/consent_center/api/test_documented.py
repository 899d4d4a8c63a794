"""Whatever the API can refuse with stands in its reference."""

from pathlib import Path

from consent_center.web.problems import CODES
from consent_center.workflows.machine_tokens import TokenScope

REFERENCE = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")


def test_every_problem_code_is_documented_and_no_other():
    documented = {line.split("`")[1] for line in REFERENCE.splitlines() if line.startswith("| `")}
    assert documented == set(CODES)


def test_scopes_are_named_by_what_they_allow():
    assert all(scope.value.count(":") == 1 for scope in TokenScope)
