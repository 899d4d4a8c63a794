"""Law: canaries show what noise a run really had, and touch neither its members, its model nor its price."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federated.canaries import Observed, audit_run, coins, count_of, joined, with_setting
from federated.errors import MalformedError, RefusedError
from federated.exchange import Output
from federated.flower.embedded import run_embedded
from federated.gate import RunReport
from federated.models.package import parse_package
from federated.plan import plan_bytes
from federated.price import price
from federated.shared_noise import with_shared_noise
from privacy.canaries import Audit
from privacy.errors import AuditFailedError
from privacy.mechanism import Gaussian
from privacy.quantities import Cost
from tests.federated.world import NoNoise, SeededNoise, World, approve, build_world, make_plan

COUNT = 500
SITES = ("north", "south")
DELTA = 1e-5


class HalfNoise(SeededNoise):
    """The planted fault: whoever built the site divided by two somewhere."""

    def gaussian(self, shape: int | tuple[int, ...], std: float) -> np.ndarray:
        return super().gaussian(shape, std / 2)


def audited_world(folder: Path, *, noise: SeededNoise | None = None, count: int = COUNT) -> World:
    world = build_world(folder, sites=SITES, noise=noise)
    world.plan = with_setting(world.plan, count=count)
    refile(world)
    return world


def refile(world: World) -> None:
    world.gate.plan = plan_bytes(world.plan)
    world.gate.approvals = approve(world.gate.plan, world.reviewers)


def audited(world: World, report: RunReport, *, charged: Cost | None = None) -> Audit:
    results = json.loads(json.dumps(report.results))
    return audit_run(world.plan, report.run, results, charged=charged or price(world.plan), delta=DELTA)


def test_an_honest_run_is_not_contradicted(tmp_path: Path) -> None:
    world = audited_world(tmp_path)
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == "completed"
    found = audited(world, report)
    assert not found.flagged
    assert found.canaries == COUNT * len(SITES)
    assert found.mean_difference > found.claimed_epsilon / 3


def test_a_run_with_half_the_noise_is_contradicted(tmp_path: Path) -> None:
    world = audited_world(tmp_path, noise=HalfNoise(1))
    found = audited(world, run_embedded(world.gate, "study-1", world.answers))
    assert found.flagged


def test_a_run_that_was_half_charged_is_contradicted(tmp_path: Path) -> None:
    world = audited_world(tmp_path)
    report = run_embedded(world.gate, "study-1", world.answers)
    assert audited(world, report, charged=Cost(price(world.plan).gaussian // 4, 0)).flagged
    assert audited(world, report, charged=Cost(price(world.plan).gaussian * 9, 0)).claimed_epsilon < 3


def test_the_model_is_the_one_that_would_have_come_without_canaries(tmp_path: Path) -> None:
    models = []
    for name, count in (("with", COUNT), ("without", 0)):
        world = build_world(tmp_path / name, sites=SITES, noise=NoNoise())
        if count:
            world.plan = with_setting(world.plan, count=count)
            refile(world)
        report = run_embedded(world.gate, "study-1", world.answers)
        models.append(parse_package(report.model).weights)
        assert ("canaries" in report.results) == bool(count)
    assert np.array_equal(*models)


def test_members_add_exactly_nothing_to_the_canaries_and_canaries_nothing_to_them() -> None:
    plan = with_setting(make_plan(SITES, members=300), count=COUNT)
    (release,) = plan.releases_of("train")
    assert isinstance(release.mechanism, Gaussian)
    members = np.array([3.25, -1e300, 5e-324, 0.1, -0.0])
    both = joined(plan, release, members, run="run-1", site="north")
    assert both[:5].tobytes() == members.tobytes()
    mine = coins("run-1", "north", count=COUNT)
    assert (both[5:][~mine] == 0.0).all()
    assert np.unique(both[5:][mine]).size == 1
    assert 0.99 * release.mechanism.sensitivity < both[5:][mine][0] <= release.mechanism.sensitivity


def test_a_plan_with_canaries_costs_what_it_costs_without() -> None:
    plan = make_plan(SITES, members=300)
    assert price(with_setting(plan, count=COUNT)) == price(plan)


def test_coins_are_fair_and_each_run_and_site_has_its_own() -> None:
    sides = [coins(run, site, count=10_000) for run in ("a", "b") for site in SITES]
    assert all(abs(int(one.sum()) - 5_000) < 250 for one in sides)  # five standard deviations; the coins are fixed
    assert not np.array_equal(sides[0], sides[1])
    assert not np.array_equal(sides[0], sides[2])


@pytest.mark.parametrize("count", [0, 99, 10_001, 100.0, True])
def test_too_few_or_too_many_canaries_are_refused(count: int) -> None:
    with pytest.raises(MalformedError):
        with_setting(make_plan(SITES, members=300), count=count)


def test_canaries_under_shared_noise_are_refused() -> None:
    plan = with_setting(make_plan(("a", "b", "c"), members=300), count=COUNT)
    with pytest.raises(RefusedError):
        with_shared_noise(plan)
    with pytest.raises(RefusedError):
        count_of(replace(plan, noise_mode="secure-sum"))


def test_a_site_that_leaves_the_canaries_out_is_refused() -> None:
    plan = with_setting(make_plan(SITES, members=300), count=COUNT)
    sent: list[Output] = [np.zeros(COUNT), np.zeros(COUNT + 5)]
    with pytest.raises(RefusedError):
        Observed(plan).cut(plan.releases_of("train"), {"gradient": sent})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda kept: {},
        lambda kept: {"canaries": {**kept, "scores": {}}},
        lambda kept: {"canaries": {**kept, "count": COUNT - 1}},
        lambda kept: {"canaries": {"count": COUNT}},
        lambda kept: {"canaries": {**kept, "scores": {site: ["x"] for site in SITES}}},
    ],
)
def test_results_without_the_canaries_are_refused_not_guessed(spoil: Callable[[dict], dict]) -> None:
    plan = with_setting(make_plan(SITES, members=300), count=COUNT)
    observed = Observed(plan)
    observed.cut(plan.releases_of("train"), {"gradient": [np.ones(COUNT + 5)] * 2})
    with pytest.raises(AuditFailedError):
        audit_run(plan, "run-1", spoil(observed.results()["canaries"]), charged=price(plan), delta=DELTA)
