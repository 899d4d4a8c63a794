"""Law: every number that leaves a site carries exactly the noise that its plan was priced for."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from federated.flower.embedded import run_embedded
from federated.site import outputs
from privacy.mechanism import DiscreteGaussian, DiscreteLaplace, Gaussian
from privacy.samplers import Sampler
from tests.federated.summing import sharing
from tests.federated.world import SeededNoise, World, build_world


class Noted(SeededNoise):
    """A test double that notes what it was asked for, by which site, and adds nothing."""

    asked: list[tuple[str, Any]]

    def __init__(self, asked: list[tuple[str, Any]]) -> None:
        super().__init__()
        self.asked = asked

    def gaussian(self, shape: int | tuple[int, ...], std: float) -> np.ndarray:
        self.asked.append(("gaussian", (shape, std)))
        return np.zeros(shape)

    def discrete_gaussian(self, shape: int | tuple[int, ...], std: float) -> np.ndarray:
        self.asked.append(("discrete-gaussian", (shape, std)))
        return np.zeros(shape, dtype=np.int64)

    def discrete_laplace(self, shape: int | tuple[int, ...], *, epsilon: float, sensitivity: int = 1) -> np.ndarray:
        self.asked.append(("laplace", (epsilon, sensitivity)))
        return np.zeros(shape, dtype=np.int64)

    def negative_binomial_share(
        self, shape: int | tuple[int, ...], *, epsilon: float, parties: int, sensitivity: int = 1
    ) -> np.ndarray:
        self.asked.append(("laplace-share", (epsilon, sensitivity, parties)))
        return np.zeros(shape, dtype=np.int64)


def of(asked: Sequence[tuple[str, Any]], kind: str) -> list[Any]:
    return [what for name, what in asked if name == kind]


def run_of(world: World) -> None:
    assert run_embedded(world.gate, "study-1", world.answers).outcome == "completed"


def small(folder: Path, sites: tuple[str, ...], noise: Sampler) -> World:
    return build_world(folder, sites=sites, members=60, minimum_cohort=10, noise=noise)


def test_each_release_of_local_noise_is_drawn_with_the_deviation_of_the_plan(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    world = small(tmp_path, ("north",), Noted(asked))
    run_of(world)
    (train,) = world.plan.releases_of("train")
    assert isinstance(train.mechanism, Gaussian)
    drawn = of(asked, "gaussian")
    assert [std for _, std in drawn] == [train.mechanism.std] * train.times
    priced = [one.mechanism for one in world.plan.releases if one.kind != "train"]
    assert all(isinstance(one, DiscreteLaplace) for one in priced)
    wanted = {(one.epsilon, one.sensitivity) for one in priced if isinstance(one, DiscreteLaplace)}
    assert {*of(asked, "laplace")} == wanted


def test_each_share_of_a_secure_sum_is_drawn_as_the_plan_shares_it(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    sites = ("north", "south", "west")
    world = sharing(small(tmp_path, sites, SeededNoise()), noise=lambda _: Noted(asked))
    run_of(world)
    (train,) = world.plan.releases_of("train")
    assert isinstance(train.mechanism, DiscreteGaussian)
    drawn = of(asked, "discrete-gaussian")
    assert drawn == [((train.mechanism.coordinates,), train.mechanism.share_std)] * (train.times * len(sites))
    assert {parties for *_, parties in of(asked, "laplace-share")} == {world.plan.quorum.honest}
    assert not of(asked, "gaussian")
    assert not of(asked, "laplace")


def test_a_sum_beyond_what_its_members_can_add_up_to_never_gets_under_a_mask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites = ("north", "south", "west")
    world = sharing(small(tmp_path, sites, SeededNoise()))
    bounds: list[float] = []
    kept = outputs.to_grid

    def to_grid(values: np.ndarray, *, grid: float, most: float) -> np.ndarray:
        bounds.append(most)
        return kept(values, grid=grid, most=most)

    monkeypatch.setattr(outputs, "to_grid", to_grid)
    run_of(world)
    (train,) = world.plan.releases_of("train")
    used = [site.used for one in world.gate.rounds if one.kind == "train" for site in one.sites.values()]
    assert sorted(bounds) == sorted(count * train.mechanism.sensitivity for count in used)
