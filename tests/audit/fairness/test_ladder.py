"""Law: rungs fixed beforehand must agree; a permutation finds what parts groups and does not invent it, noise and all;
shelves are judged by the one that differs most, and their concentration is freed of what noise makes by itself."""

import numpy as np
import pytest

from audit.fairness.counts import CountTable, Layout
from audit.fairness.diversity import gini
from audit.fairness.ladder import judge_ladder, permuted
from audit.fairness.means import Scale, judge_means
from audit.fairness.shelves import attention, judge_shelves
from audit.fairness.verdict import Measure, Reason, Thresholds, Verdict

LIMITS = Thresholds()
SCALE = Scale(-0.5, 0.5, 0.05)
BINS = 10
RNG = np.random.default_rng


def table(*rows: object, noise: float = 0.0, seed: int = 1) -> CountTable:
    """Known counts of each group, nobody silent, nobody without a group."""
    counts = np.array(rows, dtype=np.int64)
    groups = tuple(f"g{number}" for number in range(len(counts)))
    edges = tuple(np.linspace(0, 1, counts.shape[1] + 1))
    layout = Layout("age", groups, edges, edges[1])
    cells = np.zeros(layout.shape, dtype=np.int64)
    cells[:-1, 1, :] = counts
    if noise:
        drawn = np.rint(RNG(seed).normal(0, noise**0.5, cells.shape)).astype(np.int64)
        return CountTable(layout, cells + drawn, noise)
    return CountTable(layout, cells)


def people(shift: float, *, seed: int, members: int = 800) -> np.ndarray:
    drawn = np.clip(RNG(seed).normal(shift, 0.1, members), -0.499, 0.499)
    return np.histogram(drawn, bins=BINS, range=(-0.5, 0.5))[0]


def test_a_permutation_finds_a_gap_and_gives_every_p_value_as_often_under_none() -> None:
    assert permuted(table(people(0.05, seed=1), people(0.0, seed=2), noise=5), SCALE, RNG(3)) == 1 / 1000
    alike = [table(people(0, seed=2 * at), people(0, seed=2 * at + 1), noise=5, seed=at) for at in range(120)]
    p_values = [permuted(one, SCALE, RNG(at), permutations=99) for at, one in enumerate(alike)]
    # Uniform: 60 of 120 at or below one half, 6 at or below .05; the seeds are fixed, the bounds four deviations wide.
    assert 38 <= sum(one <= 0.5 for one in p_values) <= 82
    assert sum(one <= 0.05 for one in p_values) <= 16


def test_a_permutation_that_leaves_the_noise_out_would_cry_wolf() -> None:
    """The planted fault: noise alone parts small groups by more than chance alone does."""
    few = [(people(0, seed=at, members=60), people(0, seed=at + 500, members=60)) for at in range(60)]
    noisy = [table(*both, noise=40, seed=at) for at, both in enumerate(few)]
    honest = [permuted(one, SCALE, RNG(1), permutations=99) for one in noisy]
    blind = [permuted(CountTable(one.layout, one.cells), SCALE, RNG(1), permutations=99) for one in noisy]
    assert sum(one <= 0.05 for one in blind) > 2 * sum(one <= 0.05 for one in honest)


def test_one_group_alone_or_nobody_is_no_difference() -> None:
    nobody = np.zeros(BINS, dtype=int)
    assert permuted(table(people(0.1, seed=1), nobody), SCALE, RNG(1)) == 1.0
    assert permuted(table(nobody, nobody), SCALE, RNG(1)) == 1.0


def test_rungs_are_judged_over_all_attributes() -> None:
    near, far = (table(people(0, seed=1), people(shift, seed=2)) for shift in (0.0, 0.12))
    rungs = {
        name: [(one, judge_means(one, SCALE, LIMITS, tests=4)) for one in several]
        for name, several in {"alike": (near, near), "apart": (near, far)}.items()
    }
    found = {one.name: one for one in judge_ladder(rungs, dict.fromkeys(rungs, SCALE), RNG(1))}
    assert (found["alike"].verdict, found["apart"].verdict) == (Verdict.PASS, Verdict.FAIL)
    assert found["apart"].p_value == 2 / 1000
    assert found["alike"].p_value > 0.05


def test_without_noise_concentration_is_ginis() -> None:
    counts = [300, 120, 80, 0]
    overall = attention(table(counts, counts))[-1]
    assert overall.gini == pytest.approx(gini(counts))
    assert overall.shares == pytest.approx((0.6, 0.24, 0.16, 0.0))
    assert overall.at_least == 0.75


def test_noise_adds_no_concentration_and_shows_no_shelf() -> None:
    even = np.full(40, 50)
    naive = np.mean([gini(np.maximum(table(even, even, noise=100, seed=at).cells[0, 1], 0)) for at in range(30)])
    found = np.mean([attention(table(even, even, noise=100, seed=at))[0].gini for at in range(30)])
    assert found < 0.7 * naive
    unseen = np.concatenate([np.full(20, 200), np.zeros(20, dtype=int)])
    assert all(attention(table(unseen, unseen, noise=100, seed=at))[0].at_least <= 0.525 for at in range(30))


@pytest.mark.parametrize(
    ("other", "limit", "verdict"),
    [
        ([4000, 3000, 3000], 0.05, Verdict.PASS),
        ([5500, 2000, 2500], 0.05, Verdict.FAIL),
        ([4600, 2700, 2700], 0.05, Verdict.INCONCLUSIVE),
    ],
)
def test_shelves_are_judged_by_the_one_that_differs_most(other: list[int], limit: float, verdict: Verdict) -> None:
    (gap,) = judge_shelves(table([4100, 3100, 2900], other, noise=5), limit, LIMITS, tests=1)
    assert (gap.verdict, gap.measure) == (verdict, Measure.EXPOSURE)
    assert gap.low <= gap.value <= gap.high


def test_a_group_of_three_or_a_single_group_is_insufficient() -> None:
    several = judge_shelves(table([400, 300, 300], [1, 1, 1], noise=5), 0.1, LIMITS, tests=1)
    assert {one.verdict for one in several} == {Verdict.INSUFFICIENT}
    assert Reason.TOO_FEW_MEMBERS in {one.reason for one in several}
    assert {one.verdict for one in judge_shelves(table([0, 0], [0, 0]), 0.1, LIMITS, tests=1)} == {Verdict.INSUFFICIENT}
