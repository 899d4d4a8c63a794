"""Measures of lists agree with LensKit and RecTools 0.19.0 on small cases, and with their definitions on any.

LensKit needs pandas 2: `make peers` asks it in an environment of its own and keeps what it says in
`tests/vectors/lists.json`. It counts exposure in float32 and adds 1e-6 to each category; the tolerances are theirs.

RecTools needs an older numpy than Accord; its answers below were computed in an environment of its own from the lists,
features and purchases written here (IntraListDiversity with Hamming distance, MeanInvUserFreq, CatalogCoverage,
AvgRecPopularity normalised, k = 3).
"""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.fairness.diversity import (
    catalogue_coverage,
    concentration,
    exposure,
    exposure_by_group,
    filter_bubble,
    gini,
    intra_list_diversity,
    novelty,
    popularity_lift,
    steck_calibration,
)
from audit.fairness.errors import CodingError, TableMismatchError

PEERS = json.loads((Path(__file__).parents[2] / "vectors" / "lists.json").read_text(encoding="utf-8"))
LISTS = np.array([[0, 1, 2], [2, 3, 4], [0, 4, 5]])
FEATURES = np.array([[1, 0, 0], [1, 0, 1], [0, 1, 0], [0, 1, 1], [1, 1, 0], [0, 0, 1]])
BOUGHT = np.zeros((5, 6))
for _member, _item in [(0, 0), (0, 1), (1, 0), (1, 2), (2, 0), (2, 2), (2, 3), (3, 4), (3, 0), (4, 5)]:
    BOUGHT[_member, _item] = 1
SHARES = BOUGHT.mean(axis=0)


@pytest.mark.parametrize("case", PEERS, ids=lambda case: f"{case['items']} items")
def test_gini_exposure_and_variety_are_those_of_lenskit(case):
    lists, said = np.array(case["lists"]), case["lenskit"]
    assert gini(np.bincount(lists.ravel(), minlength=case["items"])) == pytest.approx(said["list_gini"], abs=1e-12)
    assert gini(exposure(lists, case["items"])) == pytest.approx(said["exposure_gini"], abs=1e-6)
    categories = np.eye(max(case["category"]) + 1)[case["category"]][lists].sum(axis=1)
    assert np.log2(concentration(categories)) == pytest.approx(said["entropy_bits"], abs=1e-4)


def test_intra_list_diversity_is_that_of_rectools():
    hamming = (FEATURES[:, None] != FEATURES[None]).sum(axis=2)
    assert intra_list_diversity(LISTS, hamming) == pytest.approx([2.0, 1.3333333333333333, 2.0])


def test_novelty_is_the_mean_inverse_user_frequency_of_rectools():
    assert novelty(LISTS, SHARES) == pytest.approx([1.3219280948873622, 1.988594761554029, 1.6552614282206957])


def test_coverage_is_that_of_rectools():
    assert catalogue_coverage(LISTS, 8) == 6 / 8


def test_popularity_of_lists_is_that_of_rectools():
    # AvgRecPopularity(normalize=True) divides by all ten purchases.
    normalised = BOUGHT.sum(axis=0) / BOUGHT.sum()
    own = np.tile(normalised, (3, 1))
    lift = popularity_lift(LISTS, own, normalised)
    shown = (lift + 1) * (normalised @ normalised)
    assert shown == pytest.approx([0.23333333333333336, 0.13333333333333333, 0.2])


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=12))
def test_gini_is_half_the_relative_mean_difference(exposures):
    x = np.array(exposures, dtype=float)
    expected = np.abs(x[:, None] - x).mean() / (2 * x.mean()) if x.sum() else 0.0
    assert gini(x) == pytest.approx(expected, abs=1e-12)


def test_exposure_falls_with_rank_and_is_shared_among_owners():
    found = exposure(LISTS, 6)
    assert found[0] == pytest.approx(2.0)
    assert found[1] == pytest.approx(1 / np.log2(3))
    shares = exposure_by_group(LISTS, np.array([0, 0, 0, 1, 1, 1]), 3)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[2] == 0.0


def test_a_list_like_the_history_is_calibrated_and_one_category_is_not():
    alike = steck_calibration([[7, 3]], [[70, 30]])
    # KL((.7, .3) || .99 (1, 0) + .01 (.7, .3)), by hand: .7 ln(.7/.997) + .3 ln(.3/.003).
    narrow = steck_calibration([[7, 3]], [[10, 0]])
    assert alike == pytest.approx([0.0], abs=1e-12)
    assert narrow == pytest.approx([0.7 * np.log(0.7 / 0.997) + 0.3 * np.log(0.3 / 0.003)])


def test_variety_is_the_effective_number_of_categories():
    assert concentration([[1, 1, 1, 1], [5, 0, 0, 0], [0, 0, 0, 0]]) == pytest.approx([4.0, 1.0, np.nan], nan_ok=True)


def test_lists_that_narrow_while_she_does_not_score_below_zero_and_lists_that_follow_her_score_zero():
    wide, narrow = [[1, 1, 1, 1]], [[1, 1, 0, 0]]
    assert filter_bubble(wide, narrow, wide, wide) == pytest.approx([np.log(0.5)])
    assert filter_bubble(wide, narrow, wide, narrow) == pytest.approx([0.0])
    assert filter_bubble(narrow, wide, wide, wide)[0] > 0


def test_a_member_without_history_has_no_figure():
    assert np.isnan(popularity_lift(LISTS[:1], np.zeros((1, 6)), SHARES)[0])
    assert np.isnan(steck_calibration([[0, 0]], [[1, 1]])[0])
    assert np.isnan(filter_bubble([[1, 1]], [[1, 1]], [[0, 0]], [[1, 1]])[0])


def test_lists_of_unknown_items_or_of_nothing_are_refused():
    for wrong in (np.array([[0, 6]]), np.array([[-1, 0]]), np.zeros((2, 0), dtype=int), np.array([1, 2])):
        with pytest.raises(CodingError):
            novelty(wrong, SHARES)
    with pytest.raises(TableMismatchError):
        steck_calibration([[1, -1]], [[1, 1]])
    with pytest.raises(TableMismatchError):
        steck_calibration([[1, 1]], [[1, 1, 1]])


def test_lists_of_one_item_have_no_diversity():
    assert list(intra_list_diversity(np.array([[0], [1]]), np.ones((6, 6)))) == [0.0, 0.0]
