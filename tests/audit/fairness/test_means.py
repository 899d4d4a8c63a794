"""Law: means of members' numbers are judged through noise by a materiality fixed beforehand; too few, too noisy or
silent members are INSUFFICIENT or a bound, never a pass; files that are not such numbers are refused by their line."""

import numpy as np
import pytest

from audit.fairness.chart import axis_for, gap_svg
from audit.fairness.counts import CountTable, Layout, discrete_laplace_variance
from audit.fairness.errors import DecisionsError, RepeatedMemberError, ThresholdsError
from audit.fairness.gaps import release_verdict
from audit.fairness.means import Scale, judge_means, means_of
from audit.fairness.values import read_values
from audit.fairness.verdict import Measure, Reason, Thresholds, Verdict

LIMITS = Thresholds()
ANSWERS = Scale(0.5, 5.5, 0.3)
LAYOUT = Layout("age", ("young", "old"), (0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 0.4)


def table(young: list[int], old: list[int], *, silent=(0, 0), variance: float = 0.0) -> CountTable:
    cells = np.zeros(LAYOUT.shape, dtype=np.int64)
    cells[0, 1], cells[1, 1] = young, old
    cells[0, 0, 0], cells[1, 0, 0] = silent
    return CountTable(LAYOUT, cells, variance)


@pytest.mark.parametrize(
    ("old", "verdict"),
    [
        ([500, 500, 500, 500, 500], Verdict.PASS),
        ([900, 600, 500, 300, 200], Verdict.FAIL),
        ([560, 520, 500, 480, 440], Verdict.INCONCLUSIVE),
        ([1, 1, 0, 0, 1], Verdict.INSUFFICIENT),
        ([0, 0, 0, 0, 0], Verdict.INSUFFICIENT),
        ([-4, -2, 0, -9, 1], Verdict.INSUFFICIENT),
    ],
)
def test_the_interval_of_the_difference_decides(old: list[int], verdict: Verdict) -> None:
    scale = ANSWERS if verdict is not Verdict.INCONCLUSIVE else Scale(0.5, 5.5, 0.16)
    gaps = judge_means(table([500] * 5, old), scale, LIMITS, tests=1)
    assert release_verdict(gaps) is verdict
    assert all(gap.measure is Measure.MEAN for gap in gaps)


def test_the_difference_and_its_interval_are_those_of_the_textbook() -> None:
    young, old = np.array([10, 20, 30, 25, 15]), np.array([30, 30, 20, 15, 5])
    (gap,) = judge_means(table(young.tolist(), old.tolist()), ANSWERS, LIMITS, tests=1)
    answers = np.arange(1, 6)
    pairs = [(some, np.average(answers, weights=some)) for some in (old, young)]
    means = [mean for _, mean in pairs]
    error = sum(np.average((answers - mean) ** 2, weights=some) / some.sum() for some, mean in pairs)
    assert gap.value == pytest.approx(means[0] - means[1])
    assert gap.high - gap.low == pytest.approx(2 * 1.959964 * error**0.5, rel=1e-6)
    assert (gap.group, gap.reference, gap.rate) == ("old", "young", pytest.approx(means[0]))


def test_more_noise_than_members_say_is_insufficient_and_its_reason_said() -> None:
    gaps = judge_means(table([60] * 5, [60] * 5, variance=500.0), ANSWERS, LIMITS, tests=1)
    assert {gap.reason for gap in gaps} <= {Reason.MOSTLY_NOISE, Reason.TOO_FEW_MEMBERS}
    assert release_verdict(gaps) is Verdict.INSUFFICIENT


def test_noise_is_in_the_interval() -> None:
    quiet, loud = (
        judge_means(table([500] * 5, [500] * 5, variance=variance), ANSWERS, LIMITS, tests=1)[0]
        for variance in (0.0, 20.0)
    )
    assert loud.high - loud.low > quiet.high - quiet.low


def test_intervals_through_noise_hold_the_difference_as_often_as_they_say() -> None:
    rng, v, held = np.random.default_rng(5), discrete_laplace_variance(1.0), 0
    shares = np.array([[0.1, 0.2, 0.3, 0.25, 0.15], [0.3, 0.3, 0.2, 0.15, 0.05]])
    truth = float((shares[1] - shares[0]) @ np.arange(1, 6))
    q = 1 - np.exp(-1.0)
    for _ in range(400):
        counts = np.array([rng.multinomial(300, share) for share in shares])
        noised = counts + rng.geometric(q, counts.shape) - rng.geometric(q, counts.shape)
        (gap,) = judge_means(table(*noised.tolist(), variance=v), ANSWERS, LIMITS, tests=1)
        sign = 1 if gap.group == "old" else -1
        held += gap.low <= sign * truth <= gap.high
    assert 0.91 <= held / 400 <= 0.985  # the seed is fixed; 95 % nominal


def test_the_silent_widen_the_bounds_and_do_not_enter_the_mean() -> None:
    without = means_of(table([100] * 5, [100] * 5), ANSWERS, LIMITS)
    silent = means_of(table([100] * 5, [100] * 5, silent=(0, 500)), ANSWERS, LIMITS)
    assert silent.mean[1] == without.mean[1] == pytest.approx(3.0)
    assert silent.worst[1] < without.worst[1]
    assert silent.best[1] > without.best[1]
    assert silent.response[1] == pytest.approx(0.5)


def test_a_group_that_always_gives_the_same_number_is_not_certain_without_end() -> None:
    (gap,) = judge_means(table([0, 0, 300, 0, 0], [0, 0, 300, 0, 0]), ANSWERS, LIMITS, tests=1)
    assert gap.high > gap.low


@pytest.mark.parametrize("wrong", [(1.0, 1.0, 0.1), (0.0, 1.0, 0.0), (0.0, 1.0, 1.0), (0.0, float("inf"), 0.1)])
def test_a_scale_that_means_nothing_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ThresholdsError):
        Scale(*wrong)


def test_differences_of_any_size_fit_on_the_axis() -> None:
    for span in (0.004, 0.05, 2.3, 40.0):
        scale = Scale(0.0, 5 * span, span / 4)
        gaps = judge_means(table([0, 0, 0, 100, 400], [400, 100, 0, 0, 0]), scale, LIMITS, tests=1)
        axis = axis_for(gaps, LIMITS, materiality=scale.materiality)
        assert axis.low <= min(gap.low for gap in gaps)
        assert axis.high >= max(gap.high for gap in gaps)
        assert "<circle" in gap_svg(gaps[0], axis, "said")


def test_a_file_of_numbers_is_read_with_the_silent_as_missing() -> None:
    found = read_values([{"member": "a", "value": "4"}, {"member": "b", "value": " "}], low=1, high=5)
    assert found.members == ("a", "b")
    assert found.values[0] == 4
    assert np.isnan(found.values[1])


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], 1),
        ([{"member": "a", "score": "1"}], 1),
        ([{"member": "a", "value": "4"}, {"member": "", "value": "4"}], 3),
        ([{"member": "a", "value": "5.01"}], 2),
        ([{"member": "a", "value": "0.99"}], 2),
        ([{"member": "a", "value": "nan"}], 2),
        ([{"member": "a", "value": "many"}], 2),
        ([{"member": "a", "value": None, None: "x"}], 1),
    ],
)
def test_a_file_that_holds_other_things_is_refused_by_its_line(rows: list, line: int) -> None:
    with pytest.raises(DecisionsError) as refused:
        read_values(rows, low=1, high=5)
    assert refused.value.line == line
    assert "many" not in str(refused.value)


def test_a_member_is_counted_once() -> None:
    with pytest.raises(RepeatedMemberError):
        read_values([{"member": "a", "value": "1"}] * 2, low=1, high=5)
