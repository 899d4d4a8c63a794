"""Law: a site that leaves in the middle of an audit takes its members with it and no more: under masks the others
are judged with the noise that they carry, without one nothing is judged at all; a table never counts half a site."""

from pathlib import Path

import numpy as np
import pytest

from audit.fairness.counts import discrete_laplace_variance
from audit.fairness.gaps import judge, release_verdict
from audit.fairness.verdict import Thresholds, Verdict
from federated.errors import Refusal
from federated.flower.embedded import run_embedded
from federated.gate import RunReport
from federated.results import read_tables
from privacy.mechanism import DiscreteLaplace
from tests.federated.summing import Unreliable, sharing
from tests.federated.world import NoNoise, World, build_world

AUDIT = 5
"""Three rounds of training and one evaluation come before it."""


class NoShares(NoNoise):
    """No noise at all, in shares too."""

    def discrete_gaussian(self, shape: int | tuple[int, ...], std: float) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    def negative_binomial_share(self, shape: int | tuple[int, ...], **_: object) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)


def world_of(folder: Path) -> World:
    return build_world(folder, members=60, minimum_cohort=10, minimum_cohort_of_plan=20)


def under_masks(folder: Path, *, gone: str = "") -> tuple[World, RunReport]:
    world = sharing(world_of(folder), dropouts=1, noise=lambda _: NoShares())
    answers = dict(world.answers)
    if gone:
        answers[gone] = Unreliable(answers[gone], lambda kind, times: (kind, times) == ("sum-round", AUDIT))
    return world, run_embedded(world.gate, "study-1", answers)


def test_under_masks_the_others_are_counted_and_judged_with_their_own_noise(tmp_path: Path) -> None:
    world, everybody = under_masks(tmp_path / "all")
    _, without = under_masks(tmp_path / "gone", gone="west")
    assert everybody.outcome == without.outcome == "completed"
    (whole,), (rest,) = (read_tables(world.plan, one.results) for one in (everybody, without))
    missing = whole.cells - rest.cells
    assert rest.cells.sum() > 0
    assert 0 < missing.sum() <= 60
    assert missing.min() >= 0
    (release,) = world.plan.releases_of("audit")
    assert isinstance(release.mechanism, DiscreteLaplace)
    one = discrete_laplace_variance(release.mechanism.epsilon)
    assert one < rest.noise_variance < whole.noise_variance < len(world.plan.sites) * one
    assert release_verdict(judge(rest, Thresholds())) is Verdict.INSUFFICIENT


@pytest.mark.parametrize("after", [False, True])
def test_without_masks_a_site_that_leaves_in_the_audit_leaves_nothing_to_judge(tmp_path: Path, *, after: bool) -> None:
    world = world_of(tmp_path)
    west = Unreliable(world.agent("west").answer, lambda kind, times: (kind, times) == ("round", AUDIT), after=after)
    report = run_embedded(world.gate, "study-1", {**world.answers, "west": west})
    assert west.seen["round"] >= AUDIT, west.seen
    assert report.outcome != "completed"
    assert report.results.get("tables", {}) == {}
    assert report.model == b""
    assert set(report.results["refusals"]) == {"west"}
    assert report.results["refusals"]["west"] in {one.value for one in Refusal}
