"""What nobody counted is bounded, what strata explain is compared within them, and small groups show little."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fairness import metrics
from audit.fairness.counts import CountTable, Layout, count
from audit.fairness.errors import CodingError, TableMismatchError, ThresholdsError
from audit.fairness.gaps import judge
from audit.fairness.intervals import Rate, wilson
from audit.fairness.missing import (
    bounds_if_known,
    bounds_of_difference,
    bounds_of_rate,
    coverage,
    tipping_odds_ratio,
)
from audit.fairness.satisfaction import mean_answers
from audit.fairness.strata import conditional, cross_codes, cross_layout, split
from audit.fairness.suppression import shown_count
from audit.fairness.verdict import Thresholds, Verdict

LIMITS = Thresholds()
EDGES = (0.0, 0.5, 1.0)


def rate(yes, no, cells=1, variance=0.0):
    return Rate(np.asarray(float(yes)), np.asarray(float(no)), cells, cells, variance)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(0, 1_000_000))
def test_worst_case_bounds_hold_whatever_those_who_gave_no_value_are(yes, no, unknown_yes, unknown_no, seed):
    layout = Layout("age", ("a", "b"), EDGES, 0.5)
    cells = np.zeros(layout.shape, dtype=np.int64)
    cells[0, 0], cells[2, 0] = (no, yes), (unknown_no, unknown_yes)
    bounds = bounds_if_known(CountTable(layout, cells), "a")
    rng = np.random.default_rng(seed)
    more_yes, more_no = rng.integers(0, unknown_yes + 1), rng.integers(0, unknown_no + 1)
    total = yes + no + more_yes + more_no
    if total:
        assert bounds.low - 1e-12 <= (yes + more_yes) / total <= bounds.high + 1e-12


def test_bounds_of_a_group_seen_whole_are_its_interval_and_of_one_unseen_are_everything():
    interval = wilson(rate(30, 70), 1.96)
    whole, none = bounds_of_rate(interval, 1.0), bounds_of_rate(interval, 0.0)
    assert (whole.low, whole.high) == (float(interval.low), float(interval.high))
    assert (none.low, none.high) == (0.0, 1.0)
    with pytest.raises(ThresholdsError):
        bounds_of_rate(interval, 1.2)


def test_the_fewer_members_agree_the_wider_the_bounds_of_a_gap():
    wide, narrow = (bounds_of_difference(rate(300, 700), rate(250, 750), (seen, seen), LIMITS) for seen in (0.3, 0.9))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_a_pass_turns_at_some_hidden_difference_unless_everybody_was_seen():
    one, other = rate(2000, 8000), rate(2000, 8000)
    tip = tipping_odds_ratio(one, other, (0.5, 0.5), LIMITS, tests=1)
    assert 1.1 < tip < 1.5
    assert tipping_odds_ratio(one, other, (1.0, 1.0), LIMITS, tests=1) is None
    assert tipping_odds_ratio(rate(100, 900), rate(300, 700), (0.9, 0.9), LIMITS, tests=1) == 1.0


def test_coverage_counts_who_gave_no_value():
    layout = Layout("age", ("a", "b"), EDGES, 0.5)
    cells = np.zeros(layout.shape, dtype=np.int64)
    cells[0, 0, 0], cells[1, 1, 1], cells[2, 2, 0] = 30, 10, 60
    found = coverage(CountTable(layout, cells))
    assert (found.given, found.not_given, found.share) == (40, 60, 0.4)
    assert coverage(CountTable(layout, np.zeros(layout.shape, dtype=np.int64))).share == 0.0


AGE = Layout("age", ("young", "old"), EDGES, 0.5)
TERM = Layout("contract", ("month", "year"), EDGES, 0.5)


def crossed_members(seed=11, rows=40_000, leak=0.0):
    """Selection depends on the contract alone (plus `leak` for the old), and old members have other contracts."""
    rng = np.random.default_rng(seed)
    old = rng.integers(0, 2, rows)
    year = (rng.random(rows) < 0.3 + 0.4 * old).astype(int)
    chosen = (rng.random(rows) < 0.4 - 0.3 * year + leak * old).astype(int)
    layout = cross_layout(AGE, TERM)
    return count(layout, groups=cross_codes(old, year, (AGE, TERM)), labels=np.zeros(rows, dtype=int), bins=chosen)


def compared(table):
    parts = split(table, AGE, TERM.groups)
    rates = {name: metrics.selection(part) for name, part in parts.items()}
    return conditional({name: (r[1], r[0]) for name, r in rates.items()}, LIMITS)


def test_a_gap_that_the_contract_explains_vanishes_within_contracts():
    table = crossed_members()
    parts = list(split(table, AGE, TERM.groups).values())
    whole = CountTable(AGE, sum(part.cells for part in parts))
    (gap,) = judge(whole, LIMITS)
    assert gap.verdict is Verdict.FAIL
    found = compared(table)
    assert found.difference_low < 0 < found.difference_high
    assert found.ratio_low < 1 < found.ratio_high
    assert found.used == TERM.groups


def test_a_gap_within_contracts_is_found():
    found = compared(crossed_members(leak=0.05))
    assert 0.03 < found.difference_low < 0.05 < found.difference_high < 0.07


def test_a_stratum_with_too_few_members_is_left_out_and_named():
    found = conditional({"large": (rate(30, 70), rate(20, 80)), "tiny": (rate(1, 2), rate(20, 80))}, LIMITS)
    assert found.left_out == ("tiny",)
    assert 0.6 < found.share_used < 0.7
    nothing = conditional({"tiny": (rate(1, 2), rate(0, 0))}, LIMITS)
    assert nothing.difference is None


def test_a_standardised_difference_weighs_strata_by_their_joint_size():
    # Two strata of 400 and 1,200 members: weights 1/4 and 3/4, worked by hand.
    found = conditional({"a": (rate(60, 140), rate(40, 160)), "b": (rate(120, 480), rate(60, 540))}, LIMITS)
    assert found.difference == pytest.approx(0.25 * 0.1 + 0.75 * 0.1)
    variance = (0.3 * 0.7 / 200 + 0.2 * 0.8 / 200) / 16 + (0.2 * 0.8 / 600 + 0.1 * 0.9 / 600) * 9 / 16
    assert found.difference_high - found.difference == pytest.approx(1.959963984540054 * variance**0.5)


def test_an_intersection_is_judged_like_any_group():
    gaps = judge(crossed_members(leak=0.2), LIMITS)
    assert {gap.group for gap in gaps} < set(cross_layout(AGE, TERM).groups)
    assert all(gap.tests == 6 for gap in gaps)


def test_who_gave_only_one_of_two_values_gave_none():
    codes = cross_codes(np.array([0, 1, 2, 1]), np.array([0, 2, 1, 1]), (AGE, TERM))
    assert list(codes) == [0, 4, 4, 3]
    with pytest.raises(CodingError):
        cross_codes(np.array([0]), np.array([0, 1]), (AGE, TERM))


def test_tables_that_do_not_fit_are_neither_crossed_nor_split():
    with pytest.raises(TableMismatchError):
        cross_layout(AGE, Layout("contract", ("x",), (0.0, 0.4, 1.0), 0.4))
    with pytest.raises(TableMismatchError):
        split(crossed_members(rows=10), AGE, ("year", "month"))


def test_small_counts_are_not_printed():
    assert shown_count(rate(20, 29), LIMITS).members is None
    assert shown_count(rate(20, 30), LIMITS).members == 50
    noisy = shown_count(rate(30, 40, cells=15, variance=7.36), LIMITS)
    assert (noisy.members, noisy.fewer_than) == (None, 50)
    assert noisy.give_or_take == 29


def test_mean_answers_are_means_and_silence_widens_their_bounds():
    found = mean_answers(
        [[10, 20, 40, 20, 10], [0, 0, 0, 0, 60]], [1, 2, 3, 4, 5], [0, 60], noise_variance=0, thresholds=LIMITS
    )
    assert list(found.mean) == [3.0, 5.0]
    assert list(found.response) == [1.0, 0.5]
    assert (found.worst[0], found.best[0]) == (found.low[0], found.high[0])
    assert (found.worst[1], found.best[1]) == (3.0, 5.0)


def test_too_few_answers_have_no_mean_but_have_bounds():
    found = mean_answers([[1, 1, 1, 0, 0]], [1, 2, 3, 4, 5], [7], noise_variance=1.84, thresholds=LIMITS)
    assert np.isnan(found.mean[0])
    assert (found.worst[0], found.best[0]) == (1.0, 5.0)


@given(st.lists(st.integers(-100, 300), min_size=6, max_size=6), st.floats(-5, 50), st.sampled_from([0.0, 1.84]))
def test_no_answers_divide_by_zero(cells, silent, variance):
    found = mean_answers(np.reshape(cells, (2, 3)), [1, 2, 3], [silent, 0], noise_variance=variance, thresholds=LIMITS)
    assert np.all((found.worst >= 1) & (found.worst <= found.best) & (found.best <= 3))


def test_answers_that_do_not_fit_are_refused():
    with pytest.raises(TableMismatchError):
        mean_answers([[1, 2]], [1, 2, 3], [0], noise_variance=0, thresholds=LIMITS)
