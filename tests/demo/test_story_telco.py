"""On telco the release check fails on the senior gap, which is there whether or not the model sees the attribute.

Twelve rounds show it like the forty of `make demo`, at a third of the time.
"""

from pathlib import Path

import pytest

from tests.demo.stories import tell


def test_telco_fails_on_senior(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tell(monkeypatch, tmp_path / "out", data="telco", rounds=12)
    assert told["release"]["verdict"] == "FAIL"
    failed = [gap for gap in told["fairness"] if gap["measure"] == "impact_ratio" and gap["verdict"] == "FAIL"]
    assert {gap["attribute"] for gap in failed} == {"senior"}
    assert told["release"]["state"] == "withheld"
    assert told["auc_federated_exact_nonprivate"] > 0.80
