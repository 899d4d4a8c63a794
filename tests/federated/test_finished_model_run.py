"""Law: an audit of a finished model runs with the very model that the plan names, whoever hands it over; else not."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from federated.flower.embedded import run_embedded
from federated.gate import Admission
from federated.models.audit_plan import audit_plan
from federated.models.package import package_bytes, parse_package
from federated.plan import Attribute, plan_bytes
from tests.federated.world import World, approve, build_world

SITES = ("north", "south", "west")


class Handing:
    """A gate that hands this model over with the admission."""

    def __init__(self, gate: Any, package: bytes) -> None:
        self.gate, self.package = gate, package

    def admit_run(self, study: str) -> Admission:
        return replace(self.gate.admit_run(study), package=self.package)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.gate, name)


@pytest.fixture
def trained(tmp_path: Path) -> tuple[World, bytes]:
    """A world whose next run audits the model that its first one made, and the model."""
    world = build_world(tmp_path, sites=SITES, members=60, minimum_cohort=10, minimum_cohort_of_plan=20)
    model = run_embedded(world.gate, "study-1", world.answers).model
    plan = audit_plan(
        study="study-1",
        country="HK",
        sites=SITES,
        purpose="fairness-audit",
        scopes=("purchases", "demographics"),
        attributes=(Attribute("age", ("young", "old")),),
        package=model,
        epsilon_table=0.2,
        minimum_cohort=20,
    )
    world.gate.plan = plan_bytes(plan)
    world.gate.approvals = approve(world.gate.plan, world.reviewers)
    return world, model


def test_it_comes_with_the_admission(trained: tuple[World, bytes]) -> None:
    world, model = trained
    report = run_embedded(Handing(world.gate, model), "study-1", world.answers)
    assert (report.outcome, report.model) == ("completed", b"")
    assert "age" in report.results["tables"]


def test_no_model_and_another_one_are_refused(trained: tuple[World, bytes]) -> None:
    world, model = trained
    read = parse_package(model)
    other = package_bytes(replace(read, weights=read.weights + 1))
    for package in (b"", other):
        assert run_embedded(Handing(world.gate, package), "study-1", world.answers).outcome == "plan-changed"
