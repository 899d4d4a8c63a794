"""Calibration and drift sound when something moved, and not because of sampling or noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fairness.calibration import calibration
from audit.fairness.counts import CountTable, Layout, discrete_laplace_variance
from audit.fairness.drift import drift
from audit.fairness.errors import TableMismatchError, ThresholdsError
from audit.fairness.mitigation import effect, equal_selection_thresholds, reweighting
from audit.fairness.verdict import Thresholds

LIMITS = Thresholds()
EDGES = tuple(np.linspace(0, 1, 11).round(1))
LAYOUT = Layout("age", ("a", "b"), EDGES, 0.5)
PROMISED = np.linspace(0.05, 0.95, 10)
NOISE = discrete_laplace_variance(1.0)


def noise(rng, shape):
    q = 1 - np.exp(-1.0)
    return rng.geometric(q, shape) - rng.geometric(q, shape)


def scored(rng, truth, per_bin=200):
    """A table whose group a comes true as `truth` says per bin, group b as promised; noised at epsilon 1."""
    cells = np.zeros(LAYOUT.shape, dtype=np.int64)
    for group, chance in ((0, truth), (1, PROMISED)):
        cells[group, 1] = rng.binomial(per_bin, chance)
        cells[group, 0] = per_bin - cells[group, 1]
    return CountTable(LAYOUT, cells + noise(rng, cells.shape), NOISE)


def test_a_calibrated_score_has_no_error_on_average_and_rarely_alarms():
    rng = np.random.default_rng(21)
    found = [calibration(scored(rng, PROMISED)) for _ in range(2000)]
    errors, p_values = (np.array([getattr(one, name)[:2] for one in found]) for name in ("error", "p_value"))
    # 4,000 draws: three standard errors of the mean are about 1e-3 and of the share .01.
    assert abs(errors.mean()) < 2e-3
    assert 0.03 < (p_values < 0.05).mean() < 0.07


def test_a_score_that_promises_too_much_is_found():
    found = calibration(scored(np.random.default_rng(22), PROMISED * 0.7))
    assert found.error[0] > 0.1
    assert found.p_value[0] < 1e-6
    assert found.p_value[1] > 1e-6


def test_nobody_counted_is_no_error_at_all():
    found = calibration(CountTable(LAYOUT, np.zeros(LAYOUT.shape, dtype=np.int64)))
    assert np.all(np.isnan(found.error))
    assert np.all(found.p_value == 1)


@given(st.lists(st.integers(-60, 400), min_size=90, max_size=90))
def test_no_cells_make_calibration_divide_by_zero(cells):
    found = calibration(CountTable(LAYOUT, np.reshape(np.array(cells, dtype=np.int64), LAYOUT.shape), NOISE))
    assert np.all((found.p_value >= 0) & (found.p_value <= 1))


UNEVEN = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01])


@pytest.mark.parametrize("members", [300, 5000])
@pytest.mark.parametrize("shares", [np.full(10, 0.1), UNEVEN], ids=["even", "uneven"])
def test_scores_that_did_not_move_rarely_alarm(members, shares):
    rng = np.random.default_rng(23)
    found = [
        drift(
            rng.multinomial(members, shares) + noise(rng, 10),
            rng.multinomial(members, shares) + noise(rng, 10),
            noise_variance=NOISE,
            thresholds=LIMITS,
        )
        for _ in range(1000)
    ]
    # Expected .05; .085 is five standard errors above it. The usual alarm at .10 is printed by the same draws.
    assert np.mean([one.alarm for one in found]) < 0.085
    if members == 300:
        assert np.mean([one.index > 0.10 for one in found]) > 0.10


def test_scores_that_moved_alarm():
    moved = np.roll(UNEVEN, 1)
    found = drift(5000 * UNEVEN, 5000 * moved, noise_variance=NOISE, thresholds=LIMITS)
    assert found.alarm is True


def test_too_few_members_or_too_much_noise_neither_alarm_nor_reassure():
    assert drift([20, 20], [20, 29], noise_variance=0, thresholds=LIMITS).alarm is None
    assert drift([300] * 10, [300] * 10, noise_variance=500, thresholds=LIMITS).alarm is None


def test_histograms_of_different_bins_are_refused():
    for wrong in (([1, 2], [1, 2, 3]), ([1], [1])):
        with pytest.raises(TableMismatchError):
            drift(*wrong, noise_variance=0, thresholds=LIMITS)
    with pytest.raises(ThresholdsError):
        drift([1, 2], [1, 2], noise_variance=0, thresholds=LIMITS, alpha=1)


@given(st.lists(st.integers(-90, 900), min_size=6, max_size=6), st.floats(0, 60))
def test_no_histogram_makes_drift_divide_by_zero(cells, variance):
    found = drift(cells[:3], cells[3:], noise_variance=variance, thresholds=LIMITS)
    assert found.index >= -1e-12
    assert np.isfinite(found.alarm_at)


def skewed():
    """Group b scores two bins higher; both come true as often as their score says."""
    cells = np.zeros(LAYOUT.shape, dtype=np.int64)
    shares = np.array([20, 20, 15, 12, 10, 8, 6, 5, 3, 1]) * 100
    for group, moved in ((0, shares), (1, np.roll(shares, 2))):
        cells[group, 1] = moved * PROMISED
        cells[group, 0] = moved - cells[group, 1]
    return CountTable(LAYOUT, cells)


def test_thresholds_per_group_bring_selection_together_and_say_whom_they_move():
    table = skewed()
    chosen = equal_selection_thresholds(table)
    assert chosen["a"] < chosen["b"]
    after = {one.group: one for one in effect(table, chosen)}
    assert abs(after["a"].selected - after["b"].selected) < abs(after["a"].selected_now - after["b"].selected_now)
    assert after["a"].gained > 0 == after["a"].lost
    assert after["b"].gained == 0
    assert after["a"].precision < after["a"].precision_now


def test_keeping_every_threshold_changes_nothing():
    for one in effect(skewed(), {}):
        assert (one.gained, one.lost, one.selected) == (0, 0, one.selected_now)


def test_thresholds_off_the_table_are_refused():
    for wrong in ({"a": 0.55}, {"z": 0.5}):
        with pytest.raises(ThresholdsError):
            effect(skewed(), wrong)
    with pytest.raises(ThresholdsError):
        equal_selection_thresholds(skewed(), target=1.5)


def test_reweighting_makes_group_and_outcome_independent_within_the_clipping_bound():
    table = skewed()
    weights = reweighting(table)
    assert weights.max() == 1.0
    weighed = table.cells[:-1, :2].sum(axis=2) * weights
    assert weighed[0, 1] / weighed[0].sum() == pytest.approx(weighed[1, 1] / weighed[1].sum())


@given(st.lists(st.integers(-60, 400), min_size=90, max_size=90))
def test_no_cells_make_mitigation_divide_by_zero(cells):
    table = CountTable(LAYOUT, np.reshape(np.array(cells, dtype=np.int64), LAYOUT.shape), NOISE)
    weights = reweighting(table)
    assert np.all((weights >= 0) & (weights <= 1))
    for one in effect(table, equal_selection_thresholds(table)):
        assert 0 <= one.selected <= 1
