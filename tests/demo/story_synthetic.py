"""On the generated federation, where age and gender have nothing to do with leaving, the release check passes.

A third of the full size, to keep the suite quick; the verdict needs thousands of audited members, not all of them.
"""

from pathlib import Path

import pytest

from consent_center.demo import load, synthetic
from tests.demo.stories import tell


def test_synthetic_passes_and_is_released_without_an_override(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    small = synthetic.load(sites=4, seed=7, members=35_000)
    monkeypatch.setattr(load, "load", lambda *_, **__: small)
    told = tell(monkeypatch, tmp_path / "out", data="synthetic", rounds=25)
    assert told["release"]["verdict"] == "PASS"
    assert told["release"]["state"] == "released"
    assert told["release"]["override"] is None
    assert told["delta"] == 1e-6
    offers = told["offers"]
    assert (offers["told"], offers["refused"], offers["tag_deleted"]) == (9, {"no-verdict": 1}, "at-risk")
    assert offers["decision"]["said"].startswith("This offer rests on an estimate")
    assert offers["decision"]["said"].count("The reason:") == 1


@pytest.mark.parametrize("model", ["rfm", "decay"])
def test_a_rule_passes_and_reaches_members_like_a_model(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: str
) -> None:
    small = synthetic.load(sites=4, seed=7, members=25_000)
    monkeypatch.setattr(load, "load", lambda *_, **__: small)
    told = tell(monkeypatch, tmp_path / "out", data="synthetic", model=model)
    assert (told["release"]["verdict"], told["release"]["state"]) == ("PASS", "released")
    assert told["auc_interval"][0] > 0.5
    offers = told["offers"]
    assert (offers["told"], offers["refused"], offers["tag_deleted"]) == (9, {"no-verdict": 1}, "at-risk")
    assert offers["decision"]["said"].startswith("A fixed rule chose you")
