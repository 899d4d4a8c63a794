"""Law: whatever the rows contain, a row of the design has norm at most sqrt(S), and terms add up to the log-odds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federated.models.churn import LINEAR, PAIRS, SHAPES, AdditiveLogistic
from federated.models.design import design, inputs_of, squared_bound, terms
from federated.plan import Feature

FEATURES = (
    Feature("visits", "continuous", 0.0, 20.0),
    Feature("online", "binary"),
    Feature("tier", "categorical", categories=("silver", "gold", "black")),
    Feature("spend", "continuous", 0.0, 100.0),
    Feature("age", "binned", edges=(30.0, 60.0)),
)
UNIT = st.tuples(
    st.sampled_from([0.0, 1.0, 0.5, np.nan]) | st.floats(0, 1),
    st.sampled_from([0.0, 1.0, np.nan]),
    st.sampled_from([0.0, 1.0, 2.0, np.nan]),
    st.sampled_from([0.0, 1.0, np.nan]) | st.floats(0, 1),
    st.sampled_from([0.0, 1.0, 2.0, np.nan]),
)
MODELS = (LINEAR, SHAPES, PAIRS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@given(rows=st.lists(UNIT, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_no_row_is_longer_than_its_public_bound(model: AdditiveLogistic, rows: list[tuple[float, ...]]) -> None:
    inputs = model.design(FEATURES, np.array(rows))
    assert np.linalg.norm(inputs, axis=1).max() <= np.sqrt(squared_bound(FEATURES, pairs=model.pairs)) + 1e-9


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
@given(rows=st.lists(UNIT, min_size=1, max_size=8), weights=arrays.arrays(float, 400, elements=st.floats(-5, 5)))
@settings(max_examples=40, deadline=None)
def test_terms_add_up_to_the_log_odds(
    model: AdditiveLogistic, rows: list[tuple[float, ...]], weights: np.ndarray
) -> None:
    values, w = np.array(rows), weights[: model.size(FEATURES)]
    log_odds = model.design(FEATURES, values) @ w
    assert np.allclose(model.terms(FEATURES, values, w).sum(axis=1) + 0.7 * w[-1], log_odds, atol=1e-9)


def test_the_recurrence_gives_the_cosines() -> None:
    u = np.linspace(0, 1, 101)[:, None]
    found = design(FEATURES[:1], u, harmonics=8)[:, :-1]
    orders = np.arange(1, 9)
    expected = np.cos(np.pi * orders * u) / orders / np.sqrt(np.sum(1 / orders**2))
    assert np.abs(found - expected).max() < 1e-13


def test_pairs_have_a_continuous_member_and_at_most_three_cosines_each() -> None:
    paired = [term for term in terms(FEATURES, harmonics=8, pairs=True) if len(term.features) == 2]
    assert {term.features for term in paired} == {(0, 1), (0, 2), (0, 3), (0, 4), (1, 3), (2, 3), (3, 4)}
    sizes = {term.features: term.columns.stop - term.columns.start for term in paired}
    assert sizes[0, 3] == 9
    assert sizes[0, 2] == 9
    assert sizes[1, 3] == 3


def test_columns_are_counted_once() -> None:
    blocks = terms(FEATURES, harmonics=8, pairs=True)
    assert [block.columns.start for block in blocks[1:]] == [block.columns.stop for block in blocks[:-1]]
    assert inputs_of(FEATURES, harmonics=8, pairs=True) == blocks[-1].columns.stop + 1


def test_a_value_outside_its_public_range_counts_as_the_nearest_end() -> None:
    from federated.site.features import unit_values

    inside = {"visits": [20.0], "online": [1], "tier": ["gold"], "spend": [0.0], "age": [70.0]}
    outside = {**inside, "visits": [1e300], "spend": [-5.0]}
    for model in MODELS:
        assert np.array_equal(
            model.design(FEATURES, unit_values(FEATURES, inside)),
            model.design(FEATURES, unit_values(FEATURES, outside)),
        )
