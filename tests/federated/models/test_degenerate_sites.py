"""Laws: a site with one class only, or with nobody, moves a sum within the same bound, and training stays finite."""

import numpy as np
import pytest

from federated.models.churn import LINEAR, PAIRS, SHAPES
from federated.models.churn_plan import churn_plan
from federated.models.descent import GRADIENT
from federated.models.network import MLP
from federated.plan import Feature, Use

FEATURES = (Feature("visits", "continuous", 0.0, 20.0), Feature("online", "binary"))
MODELS = (LINEAR, SHAPES, PAIRS, MLP)


def a_plan(model: str):
    return churn_plan(
        study="s", country="TW", sites=("north", "south"), features=FEATURES, label="label", horizon_days=30,
        attributes=(), uses=(Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),), members=400,
        model=model, rounds=20, epsilon=4.0,
    )  # fmt: skip


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.name)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_a_site_with_one_class_only_trains_with_the_others(model, label: float) -> None:
    plan, rng = a_plan(model.name), np.random.default_rng(4)
    (release,) = plan.releases_of("train")
    values = np.column_stack([rng.uniform(size=400), rng.integers(0, 2, 400)]).astype(float)
    inputs = model.design(FEATURES, values)
    labels = (rng.random(400) < values[:, 0]).astype(float)
    labels[:200] = label
    state = model.start(plan, members=400)
    for _ in model.rounds(plan):
        sums = [
            model.contribution(plan, release, inputs=inputs[rows], labels=labels[rows], weights=model.weights(state))
            for rows in (slice(0, 200), slice(200, 400))
        ]
        assert np.linalg.norm(sums[0]) <= 200 * release.mechanism.sensitivity
        state = model.update(state, {GRADIENT: np.sum(sums, axis=0)})
    scores = model.score(inputs, model.finish(state))
    assert np.isfinite(scores).all()
    assert scores[200:][labels[200:] == 1].mean() > scores[200:][labels[200:] == 0].mean()


@pytest.mark.parametrize("model", MODELS, ids=lambda one: one.name)
def test_a_site_without_members_adds_exact_zero(model) -> None:
    plan = a_plan(model.name)
    (release,) = plan.releases_of("train")
    weights = model.weights(model.start(plan, members=400))
    nobody = model.design(FEATURES, np.zeros((0, 2)))
    assert not model.contribution(plan, release, inputs=nobody, labels=np.zeros(0), weights=weights).any()
