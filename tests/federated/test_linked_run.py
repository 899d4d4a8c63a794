"""Law: a run with a randomised exchange ends with a model that reads its helpers' answers, or with a code."""

import numpy as np

from federated.flower.embedded import run_embedded
from federated.models.package import parse_package
from tests.federated.linked_world import build_linked_world


def test_a_run_with_an_exchange_ends_with_a_model(tmp_path) -> None:
    world = build_linked_world(tmp_path)
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == "completed", report
    weights = parse_package(report.model).weights
    assert np.isfinite(weights).all()
    assert np.abs(weights[1:9]).min() > 0
