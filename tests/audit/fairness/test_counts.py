"""One member is in exactly one cell, and nothing that does not fit the plan is counted in silence."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from audit.fairness.counts import (
    NOT_GIVEN,
    CountTable,
    Layout,
    code_bands,
    code_groups,
    code_labels,
    code_scores,
    count,
    discrete_laplace_variance,
    refuse_repeats,
    sum_tables,
)
from audit.fairness.errors import (
    CodingError,
    LayoutError,
    RepeatedMemberError,
    TableMismatchError,
    ThresholdOffEdgeError,
)

LAYOUT = Layout("age", ("18-34", "35-54", "55+"), (0.0, 0.25, 0.5, 0.75, 1.0), 0.5)


def coded(rows):
    return st.tuples(
        hnp.arrays(np.uint8, rows, elements=st.integers(0, 3)),
        hnp.arrays(np.uint8, rows, elements=st.integers(0, 2)),
        hnp.arrays(np.uint8, rows, elements=st.integers(0, 3)),
    )


@given(st.integers(1, 60).flatmap(coded), st.data())
def test_removing_a_member_changes_one_cell_by_one(columns, data):
    groups, labels, bins = columns
    gone = data.draw(st.integers(0, len(groups) - 1))
    whole = count(LAYOUT, groups=groups, labels=labels, bins=bins)
    less = count(LAYOUT, **{k: np.delete(v, gone) for k, v in zip(("groups", "labels", "bins"), columns, strict=True)})
    assert np.abs(whole.cells - less.cells).sum() == 1


def test_rows_beyond_one_chunk_are_all_counted():
    rows = (1 << 16) + 17
    ones = np.ones(rows, dtype=np.uint8)
    assert count(LAYOUT, groups=ones, labels=ones, bins=ones).cells[1, 1, 1] == rows


def test_no_rows_are_an_empty_table():
    none = np.zeros(0, dtype=np.uint8)
    assert count(LAYOUT, groups=none, labels=none, bins=none).cells.sum() == 0


@pytest.mark.parametrize("codes", [[4], [-1]])
def test_a_code_off_the_table_is_refused(codes):
    with pytest.raises(CodingError):
        count(LAYOUT, groups=np.array(codes), labels=np.array([0]), bins=np.array([0]))


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(CodingError):
        count(LAYOUT, groups=np.array([0, 1]), labels=np.array([0]), bins=np.array([0]))


def test_a_score_on_the_threshold_is_selected():
    assert code_scores([0.5], LAYOUT)[0] == LAYOUT.cut
    assert code_scores([np.nextafter(0.5, 0)], LAYOUT)[0] == LAYOUT.cut - 1


@pytest.mark.parametrize("score", [-1e-9, 1.0000001, float("nan"), float("inf")])
def test_a_score_off_the_bins_is_refused(score):
    with pytest.raises(CodingError):
        code_scores([0.3, score], LAYOUT)


def test_the_highest_score_belongs_to_the_last_bin():
    assert code_scores([1.0], LAYOUT)[0] == 3


@pytest.mark.parametrize("threshold", [0.4, 0.0, 1.0, float("nan")])
def test_a_threshold_off_the_inner_edges_is_refused(threshold):
    with pytest.raises(ThresholdOffEdgeError):
        Layout("age", ("a", "b"), (0.0, 0.5, 1.0), threshold)


@pytest.mark.parametrize(
    ("groups", "edges"),
    [
        ((), (0, 0.5, 1)),
        (("a", "a"), (0, 0.5, 1)),
        ((NOT_GIVEN,), (0, 0.5, 1)),
        (("a",), (0, 1)),
        (("a",), (0, 0.5, 0.5)),
    ],
)
def test_a_malformed_layout_is_refused(groups, edges):
    with pytest.raises(LayoutError):
        Layout("age", groups, edges, 0.5)


def test_a_value_the_plan_does_not_name_is_refused_and_a_missing_one_is_counted():
    assert list(code_groups(["55+", None, "18-34"], LAYOUT)) == [2, 3, 0]
    with pytest.raises(CodingError):
        code_groups(["90+"], LAYOUT)


def test_a_birthday_on_the_start_of_a_band_belongs_to_it():
    assert list(code_bands([18, 34.99, 35, 55, 99, np.nan], (18, 35, 55), LAYOUT)) == [0, 0, 1, 2, 2, 3]


def test_a_value_below_the_first_band_is_refused():
    with pytest.raises(CodingError):
        code_bands([17.9], (18, 35, 55), LAYOUT)


def test_a_thousand_bins_do_not_overflow_their_code():
    fine = Layout("age", ("a", "b"), tuple(np.linspace(0, 1, 1001)), 0.5)
    assert list(code_scores([0.2999, 0.9999], fine)) == [299, 999]
    with pytest.raises(LayoutError):
        Layout("age", ("a", "b"), tuple(np.linspace(0, 1, 20_001)), 0.5)


def test_labels_are_0_1_or_missing():
    assert list(code_labels([0, 1, np.nan])) == [0, 1, 2]
    with pytest.raises(CodingError):
        code_labels([0.5])


def test_a_member_twice_is_refused():
    with pytest.raises(RepeatedMemberError) as refused:
        refuse_repeats(["m1", "m2", "m1"])
    assert refused.value.repeated == 1


def test_discrete_laplace_variance_is_that_of_the_distribution():
    # 1.84 at epsilon 1 is the published figure; the sum is over the probability function itself.
    k = np.arange(-400, 401)
    for epsilon in (0.25, 0.8, 1.0, 3.0):
        weights = np.exp(-epsilon * np.abs(k))
        assert discrete_laplace_variance(epsilon) == pytest.approx(np.sum(k**2 * weights) / weights.sum(), rel=1e-9)
    assert round(discrete_laplace_variance(1.0), 2) == 1.84
    for wrong in (0, -1, float("nan")):
        with pytest.raises(LayoutError):
            discrete_laplace_variance(wrong)


def test_sums_of_sites_add_cells_and_noise():
    one = CountTable(LAYOUT, np.ones(LAYOUT.shape, dtype=np.int64)).noised(
        np.full(LAYOUT.shape, -3, dtype=np.int64), variance=2.0
    )
    total = sum_tables([one, one, one])
    assert total.noise_variance == 6.0
    assert np.all(total.cells == -6)


def test_noise_on_noise_adds_up():
    none = np.zeros(LAYOUT.shape, dtype=np.int64)
    once = CountTable(LAYOUT, none).noised(none + 1, variance=2.0)
    twice = once.noised(none + 1, variance=3.0)
    assert (twice.noise_variance, twice.cells.sum()) == (5.0, 2 * none.size)
    with pytest.raises(TableMismatchError):
        once.noised(np.zeros((1, 1, 1), dtype=np.int64), variance=1.0)


def test_tables_of_different_plans_are_not_added():
    other = Layout("age", LAYOUT.groups, LAYOUT.edges, 0.75)
    with pytest.raises(TableMismatchError):
        sum_tables([CountTable(x, np.zeros(x.shape, dtype=np.int64)) for x in (LAYOUT, other)])
    with pytest.raises(TableMismatchError):
        sum_tables([])


def test_cells_that_are_not_whole_numbers_of_the_right_shape_are_refused():
    with pytest.raises(TableMismatchError):
        CountTable(LAYOUT, np.zeros(LAYOUT.shape))
    with pytest.raises(TableMismatchError):
        CountTable(LAYOUT, np.zeros((1, 3, 4), dtype=np.int64))
    with pytest.raises(TableMismatchError):
        CountTable(LAYOUT, np.zeros(LAYOUT.shape, dtype=np.int64), float("nan"))
