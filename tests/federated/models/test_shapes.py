"""Law: a shape is marked "no support" where members were not certainly there, by noised counts that the plan priced; a
value is read back from the design as it went in, and a missing one is never taken for the middle."""

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from federated.errors import MalformedError, RefusedError
from federated.flower.embedded import run_embedded
from federated.models import design
from federated.models.churn import LINEAR, PAIRS, SHAPES
from federated.models.package import parse_package
from federated.models.registry import model_of
from federated.models.shapes import shapes
from federated.plan import plan_bytes
from federated.price import price
from tests.federated.world import FEATURES, World, approve, build_world, make_plan

SITES = ("north", "south")


@pytest.mark.parametrize("model", [SHAPES, PAIRS])
def test_a_value_is_read_back_and_a_missing_one_is_missing(model) -> None:
    values = np.array([[0.0, 1, 0], [0.5, 0, 1], [1.0, 1, np.nan], [0.123, np.nan, 0], [np.nan, 1, 1]])
    inputs = model.design(FEATURES, values)
    found = design.positions(FEATURES, inputs, 0, harmonics=model.harmonics, pairs=model.pairs)
    assert found == pytest.approx([0.0, 0.5, 1.0, 0.123, np.nan], nan_ok=True, abs=1e-7)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Members of two sites, none of whom visits between 10 and 14 times."""
    made = build_world(tmp_path, sites=SITES, members=600, model="churn-shapes", epsilon_support=0.5)
    for folder in made.folders.values():
        with duckdb.connect(str(folder.data)) as database:
            database.execute("UPDATE members SET visits = visits - 8 WHERE visits BETWEEN 9.9 AND 14.1")
    return made


def test_a_stretch_without_members_is_marked_and_the_marks_are_charged(world: World) -> None:
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == "completed", report.results
    package = parse_package(report.model)
    found = shapes(model_of(world.plan), world.plan, package.weights, report.results)
    assert {one.feature for one in found} == {"visits"}
    held = {(one.low, one.high): one.supported for one in found}
    assert held[10.0, 12.0] is held[12.0, 14.0] is False
    assert held[2.0, 4.0] is held[4.0, 6.0] is True
    without = make_plan(SITES, members=1200, model="churn-shapes")
    assert price(world.plan).pure - price(without).pure == 500_000_000_000


def test_without_counts_nobody_says_where_a_shape_rests() -> None:
    plan = make_plan(SITES, members=1200, model="churn-shapes")
    found = shapes(SHAPES, plan, np.ones(SHAPES.size(plan.features)), {})
    assert {one.supported for one in found} == {None}
    values = np.array([[0.05, np.nan, np.nan]])
    assert found[0].log_odds == pytest.approx(
        SHAPES.terms(plan.features, values, np.ones(SHAPES.size(plan.features)))[0, 0]
    )


def test_a_model_without_shapes_counts_no_support() -> None:
    with pytest.raises((MalformedError, RefusedError), match="smooth shapes"):
        make_plan(SITES, members=1200, model="churn-linear", epsilon_support=0.1)
    plan = make_plan(SITES, members=1200)
    with pytest.raises(MalformedError):
        shapes(LINEAR, plan, np.zeros(LINEAR.size(plan.features)), {})


def test_support_of_a_column_that_is_no_number_is_refused() -> None:
    plan = make_plan(SITES, members=1200, model="churn-shapes", epsilon_support=0.1)
    wrong = [replace(one, name=one.name.replace("visits", "tier")) for one in plan.releases]
    with pytest.raises(RefusedError):
        model_of(replace(plan, releases=tuple(wrong)))
    assert approve(plan_bytes(plan), {}) == ()
