"""Laws of a model that somebody brings: clipped member by member, known by entry point, unable to take our names."""

from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch
from torch import nn

from federated.errors import Refusal, RefusedError
from federated.models import registry
from federated.models.churn_plan import churn_plan
from federated.models.explain import explain
from federated.models.model import Model, Scorer
from federated.models.network import MLP
from federated.models.torch_module import TorchModel
from federated.plan import Feature, Use

FEATURES = (Feature("visits", "continuous", 0.0, 20.0), Feature("tier", "categorical", categories=("silver", "gold")))
BROUGHT = TorchModel("acme-churn", lambda inputs: nn.Sequential(nn.Linear(inputs, 5), nn.Tanh(), nn.Linear(5, 1)))
RELU = TorchModel("acme-relu", lambda inputs: nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, 1)))
MIXING = TorchModel("acme-mixing", lambda inputs: nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, 1)))

pytestmark = pytest.mark.filterwarnings("ignore:Full backward hook is firing:UserWarning")


def a_plan(model: str):
    return churn_plan(
        study="s", country="TW", sites=("north",), features=FEATURES, label="label", horizon_days=30, attributes=(),
        uses=(Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),), members=500, model=model, rounds=3,
    )  # fmt: skip


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch):
    """Packages with these models are installed."""
    points = [
        EntryPoint("one", f"{__name__}:BROUGHT", registry.GROUP),
        EntryPoint("broken", "nothing.of.this.name:MODEL", registry.GROUP),
        EntryPoint("no-model", "math:pi", registry.GROUP),
        EntryPoint("ours", "federated.models.churn:LINEAR", registry.GROUP),
    ]
    loaded = {"one": BROUGHT}
    monkeypatch.setattr(
        EntryPoint, "load", lambda self: loaded[self.name] if self.name in loaded else _load(self), raising=True
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])
    registry.installed.cache_clear()
    yield
    registry.installed.cache_clear()


_load = EntryPoint.load


@pytest.mark.usefixtures("brought")
def test_an_installed_package_is_found_and_a_broken_one_stops_nothing() -> None:
    assert set(registry.installed()) == {"acme-churn"}
    assert registry.model_of(a_plan("acme-churn")) is BROUGHT
    assert registry.model_of(a_plan("churn-linear")).name == "churn-linear"
    assert isinstance(BROUGHT, Model)
    assert isinstance(BROUGHT, Scorer)


def test_a_package_that_is_not_installed_is_unknown() -> None:
    from dataclasses import replace

    with pytest.raises(RefusedError) as caught:
        registry.model_of(replace(a_plan("churn-linear"), model="acme-churn"))
    assert caught.value.code is Refusal.MODEL_UNKNOWN


@pytest.mark.usefixtures("brought")
def test_no_member_moves_the_sum_by_more_than_the_bound() -> None:
    plan, rng = a_plan("acme-churn"), np.random.default_rng(1)
    (release,) = plan.releases_of("train")
    inputs, labels = rng.normal(0, 50, (20, 3)), rng.integers(0, 2, 20).astype(float)
    weights = rng.normal(0, 3, BROUGHT.size(FEATURES))
    whole = BROUGHT.contribution(plan, release, inputs=inputs, labels=labels, weights=weights)
    for out in range(20):
        kept = np.arange(20) != out
        rest = BROUGHT.contribution(plan, release, inputs=inputs[kept], labels=labels[kept], weights=weights)
        assert np.linalg.norm(whole - rest) <= release.mechanism.sensitivity


@pytest.mark.usefixtures("brought")
def test_opacus_agrees_with_the_closed_form_on_the_same_network() -> None:
    plan, rng = a_plan("acme-churn"), np.random.default_rng(2)
    (release,) = plan.releases_of("train")
    inputs, labels = rng.normal(0, 2, (300, 3)), rng.integers(0, 2, 300).astype(float)
    weights = rng.normal(0, 1, MLP.size(FEATURES))
    closed = MLP.contribution(plan, release, inputs=inputs, labels=labels, weights=weights)
    assert RELU.size(FEATURES) == MLP.size(FEATURES)
    hooked = RELU.contribution(plan, release, inputs=inputs, labels=labels, weights=weights)
    assert np.allclose(closed, hooked, atol=1e-8)


@pytest.mark.usefixtures("brought")
def test_a_row_that_is_not_finite_adds_nothing() -> None:
    plan = a_plan("acme-churn")
    (release,) = plan.releases_of("train")
    rows = np.array([[np.inf, 0.0, 0.0]])
    weights = np.ones(BROUGHT.size(FEATURES))
    assert not BROUGHT.contribution(plan, release, inputs=rows, labels=np.ones(1), weights=weights).any()


def test_a_module_that_mixes_members_is_refused() -> None:
    from federated.errors import MalformedError

    with pytest.raises(MalformedError, match="mixes members"):
        MIXING.check(a_plan("churn-linear"))


def test_it_begins_the_same_everywhere_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, second = (BROUGHT.start(a_plan("churn-linear"), members=100).weights for _ in range(2))
    assert np.array_equal(first, second)
    assert torch.equal(before, torch.random.get_rng_state())


def test_its_explanations_are_complete() -> None:
    values = np.column_stack([np.linspace(0, 1, 40), np.arange(40) % 2]).astype(float)
    weights = np.random.default_rng(3).normal(0, 0.7, BROUGHT.size(FEATURES))
    found = explain(BROUGHT, FEATURES, values, weights)
    assert np.abs(found.base + found.contributions.sum(axis=1) - found.log_odds).max() < 0.02
