"""Laws: no row exceeds its public bound; one member moves a gradient by at most the plan's sensitivity; training is
gradient descent with momentum on noised sums; a plan that describes anything else is refused."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from federated.errors import MalformedError, Refusal, RefusedError
from federated.models import design as additive
from federated.models.churn import LINEAR, SHAPES, AdditiveLogistic
from federated.models.churn_plan import churn_plan
from federated.models.descent import LARGEST_WEIGHT
from federated.models.package import Package, package_bytes, parse_package
from federated.models.registry import MODELS, exchanges, model_of
from federated.plan import Feature, Plan, digest, plan_bytes
from privacy.mechanism import DiscreteLaplace, Gaussian
from tests.federated.world import make_plan

FEATURES = (
    Feature("c", "continuous", -1.0, 3.0),
    Feature("b", "binary"),
    Feature("k", "categorical", categories=("x", "y", "z")),
    Feature("one", "categorical", categories=("only",)),
    Feature("n", "binned", edges=(0.0, 10.0)),
)
MODEL = st.sampled_from([LINEAR, SHAPES])


def unit(draw: Any, rows: int) -> np.ndarray:
    missing = st.just(np.nan)
    columns = [
        draw(arrays.arrays(float, rows, elements=st.floats(0, 1) | missing)),
        draw(arrays.arrays(float, rows, elements=st.sampled_from([0.0, 1.0]) | missing)),
        draw(arrays.arrays(float, rows, elements=st.sampled_from([0.0, 1.0, 2.0]) | missing)),
        draw(arrays.arrays(float, rows, elements=st.just(0.0) | missing)),
        draw(arrays.arrays(float, rows, elements=st.sampled_from([0.0, 1.0, 2.0]) | missing)),
    ]
    return np.column_stack(columns)


def plan_for(model: AdditiveLogistic = LINEAR, **changes: Any) -> Plan:
    settings = {"minimum_cohort": 20, "model": model.name, "features": FEATURES, **changes}
    return make_plan(("north", "south"), members=1000, **settings)


@given(st.data(), MODEL)
def test_no_row_exceeds_the_public_bound(data: st.DataObject, model: AdditiveLogistic) -> None:
    inputs = model.design(FEATURES, unit(data.draw, 3))
    assert inputs.shape == (3, additive.inputs_of(FEATURES, harmonics=model.harmonics))
    assert (np.linalg.norm(inputs, axis=1) <= math.sqrt(additive.squared_bound(FEATURES)) * (1 + 1e-12)).all()


def test_the_bound_is_reached_so_it_cannot_be_smaller() -> None:
    """u = 0 and one level of two: every block at its largest norm."""
    features = (Feature("c", "continuous"), Feature("b", "binary"), Feature("k", "categorical", categories=("x", "y")))
    inputs = SHAPES.design(features, np.array([[0.0, 1.0, 0.0]]))
    assert np.linalg.norm(inputs) == pytest.approx(math.sqrt(additive.squared_bound(features)))


def test_a_missing_value_says_nothing() -> None:
    for model in (LINEAR, SHAPES):
        inputs = model.design(FEATURES, np.full((1, 5), np.nan))
        assert (inputs[0, :-1] == 0).all()
        assert inputs[0, -1] == additive.OTHER_WEIGHT


@given(st.data(), MODEL, st.floats(0.01, 10))
def test_one_member_moves_a_gradient_by_at_most_its_sensitivity(
    data: st.DataObject, model: AdditiveLogistic, scale: float
) -> None:
    plan = plan_for(model)
    inputs = model.design(FEATURES, unit(data.draw, 4))
    labels = np.array(data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=4)))
    weights = data.draw(arrays.arrays(float, inputs.shape[1], elements=st.floats(-scale, scale)))
    release = plan.releases[0]
    everybody = model.contribution(plan, release, inputs=inputs, labels=labels, weights=weights)
    without = model.contribution(plan, release, inputs=inputs[1:], labels=labels[1:], weights=weights)
    assert isinstance(release.mechanism, Gaussian)
    assert np.linalg.norm(everybody - without) <= release.mechanism.sensitivity * (1 + 1e-9)


@given(st.data(), MODEL)
def test_rows_that_are_measured_once_give_the_same_sum_in_every_round(
    data: st.DataObject, model: AdditiveLogistic
) -> None:
    plan = plan_for(model)
    inputs = model.design(FEATURES, unit(data.draw, 4))
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    measured = model.measured(inputs, labels)
    for scale in (0.1, 10.0):
        weights = data.draw(arrays.arrays(float, inputs.shape[1], elements=st.floats(-scale, scale)))
        once = model.contribution(plan, plan.releases[0], inputs=inputs, labels=labels, weights=weights)
        assert (model.contribution_of(plan.releases[0], measured, weights) == once).all()


def test_nobody_contributes_exactly_nothing() -> None:
    plan = plan_for()
    inputs = LINEAR.design(FEATURES, np.zeros((0, 5)))
    total = LINEAR.contribution(
        plan, plan.releases[0], inputs=inputs, labels=np.zeros(0), weights=np.zeros(inputs.shape[1])
    )
    assert (total == 0).all()


def test_training_without_noise_or_clipping_finds_the_logistic_fit() -> None:
    """Against the stationarity condition of the loss itself: the mean gradient at the finished weights is near zero."""
    rng = np.random.default_rng(0)
    features = (Feature("c", "continuous"), Feature("b", "binary"))
    values = np.column_stack([rng.random(4000), rng.integers(0, 2, 4000)])
    inputs = LINEAR.design(features, values)
    labels = (rng.random(4000) < 1 / (1 + np.exp(-inputs @ [1.0, -0.5, 0.3]))).astype(float)
    plan = make_plan(
        ("north",), members=4000, minimum_cohort=20, features=features, epsilon=90.0, rounds=300, model="churn-linear"
    )
    loose = replace(plan.releases[0], mechanism=Gaussian(10.0, 0.05))
    plan = replace(plan, releases=(loose, *plan.releases[1:]))
    state = LINEAR.start(plan, members=4000)
    state = replace(state, steps=replace(state.steps, rate=1.0))
    for _ in range(300):
        total = LINEAR.contribution(plan, loose, inputs=inputs, labels=labels, weights=LINEAR.weights(state))
        state = LINEAR.update(state, {"gradient": total})
    weights = LINEAR.finish(state)
    gradient = inputs.T @ (LINEAR.score(inputs, weights) - labels) / 4000
    assert np.abs(gradient).max() < 1e-6


def test_two_steps_by_hand() -> None:
    """V1 = g, W1 = -r·g; V2 = .9 g + g, W2 = W1 - r·1.9 g; the mean of the last half of 2 rounds is W2."""
    plan = plan_for(rounds=2)
    state = LINEAR.start(plan, members=10)
    gradient = np.arange(state.weights.size, dtype=float)
    for _ in range(2):
        state = LINEAR.update(state, {"gradient": 10 * gradient})
    assert np.allclose(LINEAR.finish(state), -state.steps.rate * 2.9 * gradient)


def test_gradients_of_another_length_are_malformed() -> None:
    with pytest.raises(MalformedError):
        LINEAR.update(LINEAR.start(plan_for(), members=10), {"gradient": np.zeros(3)})


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"rounds": 4, "bins": 10, "threshold": 0.5}},
        {"settings": {"bins": 10, "threshold": 0.5}},
        {"settings": {"rounds": 3, "bins": 1, "threshold": 0.5}},
        {"settings": {"rounds": 3, "bins": 10, "threshold": 0.0}},
        {"settings": {"rounds": 3, "bins": 10, "threshold": 1}},
        {"settings": {"rounds": 3, "bins": 10}},
        {"max_attempts": 2},
        {"attributes": ()},
        {"features": ()},
    ],
)
def test_a_plan_that_this_model_could_not_keep_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as refused:
        model_of(replace(plan_for(), **change))
    assert refused.value.code is Refusal.MALFORMED


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (0, {"name": "weights"}),
        (0, {"mechanism": DiscreteLaplace(1, 1.0)}),
        (0, {"part": "held-out"}),
        (1, {"mechanism": Gaussian(1.0, 1.0)}),
        (1, {"name": "scores"}),
        (1, {"part": "train"}),
        (2, {"name": "table:income"}),
        (2, {"part": "judge"}),
        (1, {"kind": "train"}),
    ],
)
def test_a_release_that_is_not_this_models_is_refused(index: int, change: dict[str, Any]) -> None:
    plan = plan_for()
    releases = list(plan.releases)
    releases[index] = replace(releases[index], **change)
    second = replace(plan.releases[2], name="table:other")
    with pytest.raises(RefusedError) as refused:
        model_of(replace(plan, releases=(*releases, second)))
    assert refused.value.code is Refusal.MALFORMED


def test_the_exchanges_of_a_plan_come_from_the_plan_alone() -> None:
    kinds = [(exchange.number, exchange.release.kind, len(exchange.releases)) for exchange in exchanges(plan_for())]
    assert kinds == [(1, "train", 1), (2, "train", 1), (3, "train", 1), (4, "evaluate", 1), (5, "audit", 1)]


@pytest.mark.parametrize("weight", [LARGEST_WEIGHT * 1.001, np.inf, np.nan])
def test_weights_that_could_make_a_score_no_number_are_refused(weight: float) -> None:
    plan = plan_for(SHAPES)
    good = np.full(additive.inputs_of(FEATURES, harmonics=8), LARGEST_WEIGHT)
    SHAPES.check_weights(plan, good)
    assert np.isfinite(SHAPES.score(SHAPES.design(FEATURES, np.zeros((1, 5))), good)).all()
    good[3] = weight
    with pytest.raises(MalformedError):
        SHAPES.check_weights(plan, good)


def test_a_model_survives_its_bytes() -> None:
    filed = plan_bytes(plan_for())
    package = Package(run="run-1", plan=filed, weights=np.array([0.1, -2.5e-9, 3.0]))
    read = parse_package(package_bytes(package))
    assert (read.run, read.plan) == ("run-1", filed)
    assert digest(read.plan) == digest(filed)
    assert read.weights.tolist() == package.weights.tolist()
    assert read.parsed_plan().model == "churn-linear"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1,"weights"', b'"version":2,"weights"'),
        (b"north", b"nort4"),
        (b"[0.5]", b'["a"]'),
        (b"[0.5]", b"[[1]]"),
        (b'"run"', b'"ran"'),
    ],
)
def test_a_changed_model_is_malformed(old: bytes, new: bytes) -> None:
    payload = package_bytes(Package("run-1", plan_bytes(plan_for()), np.array([0.5])))
    assert old in payload
    with pytest.raises(MalformedError):
        parse_package(payload.replace(old, new))


def test_a_churn_plan_needs_a_churn_model_and_a_held_out_part() -> None:
    for wrong in ({"model": "nothing"}, {"held_out": (0, 100)}, {"held_out": (5, 5)}):
        with pytest.raises(MalformedError):
            make_plan(("north",), members=9, minimum_cohort=2, **wrong)
    assert {*MODELS} >= {"churn-linear", "churn-shapes"}
    assert churn_plan.__kwdefaults__["model"] == "churn-shapes"
