"""Law: on the generated federation a model with a feature that copies age is blocked by the demo's own release check,
trained, noised, counted and judged end to end. That a model without it passes is `tests/demo/story_synthetic`.

It takes a minute, so `make planted` runs both, and the suite only the second.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from consent_center.demo import load, synthetic
from consent_center.demo.federation import Federation, SiteRows
from tests.demo.stories import tell


def planted(federation: Federation) -> Federation:
    """The feature `complained` becomes "is 55 or older", and one in ten of those members leaves besides."""
    return replace(federation, sites=tuple(_planted(site, seed) for seed, site in enumerate(federation.sites)))


def _planted(site: SiteRows, seed: int) -> SiteRows:
    rows = site.rows
    old = np.array([band == "55+" for band in rows["age_band"].to_pylist()])
    before = np.asarray(rows["label"].to_pylist(), dtype=bool)
    leaves = before | (old & (np.random.default_rng(seed).random(len(old)) < 0.10))
    for name, values in (("complained", old), ("label", leaves)):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(name), pa.array(values.astype(np.int8)))
    return replace(site, rows=rows)


def test_a_model_whose_feature_copies_age_is_blocked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unfair = planted(synthetic.load(sites=3, seed=7, members=12_000))
    monkeypatch.setattr(load, "load", lambda *_, **__: unfair)
    told = tell(monkeypatch, tmp_path / "out", data="synthetic", sites=3, rounds=12)
    assert told["release"]["verdict"] == "FAIL"
    assert told["release"]["state"] == "withheld"
    judged = {(gap["attribute"], gap["group"]): gap for gap in told["fairness"] if gap["measure"] == "impact_ratio"}
    young = judged["age_band", "18-34"]
    assert (young["verdict"], young["reference"]) == ("FAIL", "55+")
    assert "FAIL" not in {gap["verdict"] for (name, _), gap in judged.items() if name == "gender"}
