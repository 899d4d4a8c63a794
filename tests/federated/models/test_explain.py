"""Law: contributions and base add up to the log-odds of the very model that scored, and a change crosses the line."""

import numpy as np
import pytest
from scipy.special import expit

from federated.errors import MalformedError
from federated.models.churn import LINEAR, PAIRS, SHAPES
from federated.models.explain import (
    IncompleteError,
    change_of,
    explain,
    level_of,
    levels,
    reasons_of,
    top_reasons,
)
from federated.models.network import MLP
from federated.models.preference import PREFERENCE
from federated.plan import Feature

FEATURES = (
    Feature("visits", "continuous", 0.0, 20.0),
    Feature("online", "binary"),
    Feature("tier", "categorical", categories=("silver", "gold", "black")),
    Feature("spend", "continuous", 0.0, 100.0),
)
RNG = np.random.default_rng(5)
VALUES = np.column_stack(
    [RNG.uniform(size=300), RNG.integers(0, 2, 300), RNG.integers(0, 3, 300), RNG.uniform(size=300)]
).astype(float)
VALUES[RNG.random(VALUES.shape) < 0.1] = np.nan


@pytest.mark.parametrize("model", [LINEAR, SHAPES, PAIRS], ids=lambda model: model.name)
def test_additive_explanations_are_exact(model) -> None:
    weights = RNG.normal(size=model.size(FEATURES))
    found = explain(model, FEATURES, VALUES, weights)
    score = model.score(model.design(FEATURES, VALUES), weights)
    assert np.allclose(found.base + found.contributions.sum(axis=1), found.log_odds, atol=1e-12)
    assert np.allclose(found.scores, score, atol=1e-12)


def test_linear_contributions_are_weight_times_value() -> None:
    weights = np.array([2.0, -1.0, 0.5, 0.25, -0.75, 3.0, 0.1])
    found = explain(LINEAR, FEATURES, np.array([[1.0, 0.0, 1.0, 0.0]]), weights)
    centred = (np.array([0.0, 1.0, 0.0]) - 1 / 3) / np.sqrt(2 / 3)
    expected = [2.0, 0.7, 0.7 * float(centred @ weights[2:5]), -3.0]
    assert np.allclose(found.contributions[0], expected)
    assert found.base == pytest.approx(0.07)


def test_integrated_gradients_are_complete_or_refused() -> None:
    weights = RNG.normal(0, 0.8, MLP.size(FEATURES))
    found = explain(MLP, FEATURES, VALUES, weights)
    gap = np.abs(found.base + found.contributions.sum(axis=1) - found.log_odds)
    assert (gap <= 0.01 * np.maximum(np.abs(found.log_odds - found.base), 1)).all()
    assert np.allclose(found.scores, MLP.score(MLP.design(FEATURES, VALUES), weights))


def test_a_network_that_cannot_be_explained_gives_no_reason() -> None:
    class Jump:
        """A step: its gradient is zero almost everywhere, so no integral of it can be complete."""

        def design(self, features, values):
            return LINEAR.design(features, values)[:, :-1]

        def log_odds(self, inputs, weights):
            return np.where(inputs[:, 0] > 0.5, 4.0, 0.0)

        def gradient(self, inputs, weights):
            return np.zeros_like(inputs)

    with pytest.raises(IncompleteError) as caught:
        explain(Jump(), FEATURES, np.ones((1, 4)), np.zeros(1))  # type: ignore[arg-type]
    assert caught.value.gap == pytest.approx(4.0)


def test_a_model_without_a_score_is_not_explained_by_another() -> None:
    with pytest.raises(MalformedError):
        explain(PREFERENCE, FEATURES, VALUES, np.zeros(1))


def test_at_most_three_reasons_all_of_which_raise_the_score() -> None:
    contributions = np.array([[0.1, 0.5, -2.0, 0.4, 0.3], [-1.0, -1.0, 0.2, -0.5, -0.1]])
    assert top_reasons(contributions).tolist() == [[1, 3, 4], [2, -1, -1]]


def test_reasons_name_the_feature_and_how_her_value_stands() -> None:
    reasons = reasons_of(FEATURES, np.array([0.1, 1.0, 2.0, 0.9]), np.array([0.3, -1.0, 0.2, 0.9]))
    assert [(one.feature, one.level) for one in reasons] == [("spend", "high"), ("visits", "low"), ("tier", "black")]


@pytest.mark.parametrize(("value", "level"), [(0.0, "low"), (1 / 3, "middle"), (2 / 3, "middle"), (1.0, "high")])
def test_levels_are_thirds_of_the_public_range(value: float, level: str) -> None:
    assert level_of(FEATURES[0], value) == level


def test_a_missing_value_is_no_level() -> None:
    assert levels(FEATURES, np.full((1, 4), np.nan)).tolist() == [[-1, -1, -1, -1]]


@pytest.mark.parametrize("model", [LINEAR, SHAPES, PAIRS, MLP], ids=lambda model: model.name)
def test_a_change_crosses_the_line_with_one_actionable_feature(model) -> None:
    weights = np.random.default_rng(2).normal(0, 0.8, model.size(FEATURES))
    log_odds = explain(model, FEATURES, VALUES, weights).log_odds
    threshold = float(expit(np.quantile(log_odds, 0.6)))
    flagged = VALUES[(log_odds > np.quantile(log_odds, 0.6)) & ~np.isnan(VALUES).any(axis=1)][:20]
    changes = [
        change_of(model, FEATURES, row, weights, threshold=threshold, actionable=("visits", "online"))
        for row in flagged
    ]
    found = [(row, one) for row, one in zip(flagged, changes, strict=True) if one is not None]
    assert found
    for row, change in found:
        assert change.feature in ("visits", "online")
        assert change.score < threshold
        other = row.copy()
        other[0 if change.feature == "visits" else 1] = (
            float(change.value) / 20 if change.feature == "visits" else change.value == "yes"
        )
        assert model.score(model.design(FEATURES, other[None]), weights)[0] == pytest.approx(change.score)


def test_nothing_actionable_means_no_change() -> None:
    weights = np.ones(LINEAR.size(FEATURES))
    assert change_of(LINEAR, FEATURES, VALUES[0], weights, threshold=0.01, actionable=()) is None
