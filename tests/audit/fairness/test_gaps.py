"""A verdict needs evidence first, then an interval; no input, however odd, is passed in silence or divides by zero."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit.fairness.counts import CountTable, Layout, discrete_laplace_variance
from audit.fairness.differences import differences, judge_difference
from audit.fairness.errors import ThresholdsError
from audit.fairness.gaps import comparisons, judge, release_verdict
from audit.fairness.intervals import Interval
from audit.fairness.report import audit_report
from audit.fairness.verdict import Measure, Reason, Thresholds, Verdict
from audit.fairness.words import sentence

LIMITS = Thresholds()


def table(*matrices, noise_variance=0.0, attribute="group"):
    """A table of two bins from [tn, fp, fn, tp] of each group."""
    layout = Layout(attribute, tuple(str(i) for i in range(len(matrices))), (0.0, 0.5, 1.0), 0.5)
    cells = np.zeros(layout.shape, dtype=np.int64)
    for group, (tn, fp, fn, tp) in enumerate(matrices):
        cells[group, 0], cells[group, 1] = (tn, fp), (fn, tp)
    return CountTable(layout, cells, noise_variance)


def test_a_large_gap_fails_and_none_passes():
    assert release_verdict(judge(table((800, 200, 0, 0), (900, 100, 0, 0)), LIMITS)) is Verdict.FAIL
    assert release_verdict(judge(table((8000, 2000, 0, 0), (8000, 2000, 0, 0)), LIMITS)) is Verdict.PASS


def test_an_interval_across_the_limit_is_inconclusive():
    assert release_verdict(judge(table((160, 40, 0, 0), (168, 32, 0, 0)), LIMITS)) is Verdict.INCONCLUSIVE


def test_nobody_selected_in_one_group_is_a_fail_not_a_division_by_zero():
    (gap,) = judge(table((500, 0, 0, 0), (400, 100, 0, 0)), LIMITS)
    assert gap.verdict is Verdict.FAIL


def test_a_group_of_three_is_insufficient():
    gaps = judge(table((2, 1, 0, 0), (400, 100, 0, 0), (400, 100, 0, 0)), LIMITS)
    assert {gap.group: gap.reason for gap in gaps}["0"] is Reason.TOO_FEW_MEMBERS
    assert release_verdict(gaps) is Verdict.INSUFFICIENT


@pytest.mark.parametrize("members", [49, 50])
def test_the_minimum_is_fifty_members(members):
    (gap, *_) = judge(table((members - 10, 10, 0, 0), (400, 100, 0, 0)), LIMITS)
    assert (gap.reason is Reason.TOO_FEW_MEMBERS) == (members < 50)


@pytest.mark.parametrize("members", [59, 60])
def test_the_minimum_must_hold_for_certain_through_the_noise(members):
    # Six cells of variance 4: 1.96 * sqrt(24) = 9.6 members may be noise.
    (gap, *_) = judge(table((members - 20, 20, 0, 0), (400, 100, 0, 0), noise_variance=4.0), LIMITS)
    assert (gap.reason is Reason.TOO_FEW_MEMBERS) == (members == 59)


@pytest.mark.parametrize(("selected", "reason"), [(9, Reason.ONE_OUTCOME), (10, None)])
def test_ten_members_must_be_selected_over_all_groups(selected, reason):
    (gap, *_) = judge(table((995, 5, 0, 0), (1000, selected - 5, 0, 0)), LIMITS)
    assert (gap.reason is Reason.ONE_OUTCOME) == (reason is not None)


def test_ten_members_must_be_selected_for_certain_through_the_noise():
    rows = (1900, 20, 0, 0), (1900, 20, 0, 0)
    assert judge(table(*rows), LIMITS)[0].reason is not Reason.ONE_OUTCOME
    limits = Thresholds(noise_share=0.99)
    assert judge(table(*rows, noise_variance=50.0), limits)[0].reason is Reason.ONE_OUTCOME


@pytest.mark.parametrize("matrix", [(500, 0, 500, 0), (0, 500, 0, 500)])
def test_a_model_that_predicts_one_class_is_insufficient(matrix):
    gaps = judge(table(matrix, matrix), LIMITS)
    assert {gap.reason for gap in gaps} == {Reason.ONE_OUTCOME}
    assert release_verdict(gaps) is Verdict.INSUFFICIENT


def test_an_attribute_nobody_consented_to_is_insufficient():
    gaps = judge(table((0, 0, 0, 0), (0, 0, 0, 0)), LIMITS)
    assert len(gaps) == 2
    assert release_verdict(gaps) is Verdict.INSUFFICIENT


def test_one_large_group_alone_has_nobody_to_be_compared_with():
    gaps = judge(table((400, 100, 0, 0), (3, 0, 0, 0)), LIMITS)
    assert [gap.reason for gap in gaps] == [Reason.NO_OTHER_GROUP, Reason.TOO_FEW_MEMBERS]


def test_noise_that_makes_more_than_half_of_the_variance_is_insufficient():
    same = (160, 40, 0, 0)
    quiet = judge(table(same, same, noise_variance=discrete_laplace_variance(3)), LIMITS)
    loud = judge(table(same, same, noise_variance=discrete_laplace_variance(0.25)), LIMITS)
    assert quiet[0].noise_share < 0.5
    assert quiet[0].verdict is not Verdict.INSUFFICIENT
    assert loud[0].noise_share > 0.5
    assert loud[0].reason in (Reason.MOSTLY_NOISE, Reason.TOO_FEW_MEMBERS)


def test_counting_nothing_is_not_a_pass():
    assert release_verdict(()) is Verdict.INSUFFICIENT


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        ([Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.PASS, Verdict.INSUFFICIENT], Verdict.INSUFFICIENT),
        ([Verdict.INCONCLUSIVE, Verdict.INSUFFICIENT], Verdict.INSUFFICIENT),
        ([Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.INSUFFICIENT, Verdict.FAIL], Verdict.FAIL),
        ([None, Verdict.PASS], Verdict.PASS),
        ([None], Verdict.INSUFFICIENT),
    ],
)
def test_the_worst_judged_gap_is_the_verdict_of_the_release(verdicts, worst):
    (gap,) = judge(table((800, 200, 0, 0), (800, 200, 0, 0)), LIMITS)
    gaps = [replace(gap, verdict=verdict) for verdict in verdicts]
    assert release_verdict(gaps) is release_verdict(reversed(gaps)) is worst


def test_shown_gaps_do_not_decide():
    t = table((800, 200, 50, 50), (900, 100, 50, 50))
    assert {gap.verdict for gap in differences(t, LIMITS)} == {None}
    assert release_verdict(differences(t, LIMITS)) is Verdict.INSUFFICIENT


def test_every_pair_of_groups_is_a_test():
    assert [comparisons(table(*[(90, 10, 0, 0)] * k)) for k in (1, 2, 3, 5)] == [1, 1, 3, 10]


def test_more_tests_make_wider_intervals():
    t = table((800, 200, 0, 0), (780, 220, 0, 0))
    one, ten = judge(t, LIMITS, tests=1)[0], judge(t, LIMITS, tests=10)[0]
    assert ten.low < one.low < one.value < one.high < ten.high


def test_a_limit_on_differences_judges_them():
    t = table((800, 200, 0, 0), (300, 700, 0, 0))
    gap = next(g for g in differences(t, Thresholds(difference=0.05)) if g.measure is Measure.SELECTION)
    assert gap.verdict is Verdict.FAIL


def test_an_unknown_reference_is_refused():
    with pytest.raises(ThresholdsError):
        differences(table((1, 1, 1, 1), (1, 1, 1, 1)), LIMITS, reference="9")


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.05, 0.05, Verdict.PASS),
        (-0.051, 0.05, Verdict.INCONCLUSIVE),
        (-0.05, 0.051, Verdict.INCONCLUSIVE),
        (0.05, 0.09, Verdict.INCONCLUSIVE),
        (0.051, 0.09, Verdict.FAIL),
        (-0.09, -0.05, Verdict.INCONCLUSIVE),
        (-0.09, -0.051, Verdict.FAIL),
        (0.04, 0.09, Verdict.INCONCLUSIVE),
    ],
)
def test_a_difference_passes_within_the_limit_and_fails_outside_it(low, high, verdict):
    interval = Interval(*(np.asarray(number) for number in ((low + high) / 2, low, high)))
    assert judge_difference(interval, Thresholds(difference=0.05))[0] is verdict
    assert judge_difference(interval, LIMITS) == (None, Reason.SHOWN_ONLY)


def test_equalised_odds_hold_for_both_differences_at_once():
    t = table((700, 300, 400, 600), (600, 400, 450, 550))
    odds = next(g for g in differences(t, LIMITS, tests=1) if g.measure is Measure.EQUALISED_ODDS)
    both = [
        g for g in differences(t, LIMITS, tests=2)
        if g.measure in (Measure.TRUE_POSITIVE_RATE, Measure.FALSE_POSITIVE_RATE)
    ]  # fmt: skip
    assert odds.value == max(abs(g.value) for g in both)
    assert odds.high == max(max(abs(g.low), abs(g.high)) for g in both)
    assert odds.low == max(max(g.low, -g.high, 0) for g in both)


@pytest.mark.parametrize(
    "wrong",
    [{"impact_ratio": 1.0}, {"alpha": 0}, {"minimum_members": 0}, {"difference": -0.1}, {"alpha": "0.05"}],
)
def test_limits_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ThresholdsError):
        Thresholds(**wrong)


@given(
    hnp.arrays(np.int64, (4, 3, 2), elements=st.integers(-300, 3000)),
    st.sampled_from([0.0, 1.84, 31.8]),
    st.sampled_from([None, 0.05]),
)
def test_no_cells_however_negative_raise_or_pass_without_an_interval_within_the_limit(cells, variance, limit):
    layout = Layout("group", ("a", "b", "c"), (0.0, 0.5, 1.0), 0.5)
    t = CountTable(layout, cells, variance)
    limits = Thresholds(difference=limit)
    judged, shown = judge(t, limits), differences(t, limits)
    assert judged
    for gap in judged:
        if gap.verdict is Verdict.PASS:
            assert gap.low >= limits.impact_ratio
            assert gap.members >= limits.minimum_members
    report = audit_report([t], judged, shown, thresholds=limits)
    json.dumps(report, allow_nan=False)
    assert all(sentence(gap) for gap in (*judged, *shown))


def test_no_sentence_calls_a_model_fair():
    for t in (table((800, 200, 9, 9), (800, 200, 9, 9)), table((800, 200, 0, 0), (900, 90, 0, 0))):
        text = json.dumps(audit_report([t], judge(t, LIMITS), differences(t, LIMITS), thresholds=LIMITS)).lower()
        assert "fair" not in text
        assert "detectable at 80 % power among members who agreed" in text
