"""Law: a rule is known before anybody is looked at: its points are whole numbers, its weights follow from the cuts."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import MalformedError, RefusedError
from federated.models import registry
from federated.models.audit_plan import audit_plan, finished_weights
from federated.models.churn import LINEAR, AdditiveLogistic
from federated.models.explain import explain, level_of, top_reasons
from federated.models.model import Model, Scorer
from federated.models.package import Package, package_bytes
from federated.models.registry import exchanges, model_of
from federated.models.rule_plan import rule_plan
from federated.models.rules import DECAY, RFM
from federated.plan import Attribute, Feature, Plan, Release, Use, parse_plan, plan_bytes
from federated.site.features import unit_values
from privacy.mechanism import Gaussian

COLUMNS = tuple(Feature(name, "continuous", 0, 100) for name in ("visit", "add", "buy"))
DAYS = {"visit": (7,), "add": (30,), "buy": (60,)}
THIRDS = dict.fromkeys(DAYS, (30, 60))
VALUES = st.lists(
    st.tuples(*[st.sampled_from([0.0, 6.99, 7.0, 29.0, 30.0, 59.9, 60.0, 100.0, 250.0, float("nan")])] * 3), min_size=1
)


def plan_for(model: str = "rule-decay", **changes: Any) -> Plan:
    asked: dict[str, Any] = {
        "study": "s",
        "country": "TW",
        "sites": ("north", "south"),
        "uses": (Use(("evaluate",), "churn", ("purchases",)), Use(("audit",), "fairness", ("demographics",))),
        "features": COLUMNS,
        "cuts": DAYS if model == "rule-decay" else THIRDS,
        "label": "left",
        "horizon_days": 30,
        "attributes": (Attribute("age", ("young", "old")),),
        "model": model,
    }
    return rule_plan(**{**asked, **changes})


def test_rules_are_models_that_score() -> None:
    for rule in (DECAY, RFM):
        assert isinstance(rule, Model)
        assert isinstance(rule, Scorer)


@given(VALUES)
def test_decay_counts_silent_signals_against_those_that_are_not(rows: list[tuple[float, ...]]) -> None:
    plan, raw = plan_for(), np.array(rows)
    columns = {feature.name: raw[:, index] for index, feature in enumerate(COLUMNS)}
    values = unit_values(plan.features, columns)
    found = explain(DECAY, plan.features, values, DECAY.rule_weights(plan.features))
    known = ~np.isnan(raw)
    silent = (raw >= [7, 30, 60]) & known
    assert np.allclose(found.log_odds, 2.0 * silent.sum(axis=1) - known.sum(axis=1) - 0.5)
    assert ((found.scores > 0.5) == (2 * silent.sum(axis=1) > known.sum(axis=1))).all()
    assert np.array_equal(found.contributions, np.where(known, np.where(silent, 1.0, -1.0), 0.0))
    scored = DECAY.score(DECAY.design(plan.features, values), DECAY.rule_weights(plan.features))
    assert np.allclose(scored, found.scores, atol=1e-12)


@given(VALUES)
def test_rfm_orders_members_by_their_points(rows: list[tuple[float, ...]]) -> None:
    plan, raw = plan_for("rule-rfm"), np.array(rows)
    thirds = np.where(np.isnan(raw), np.nan, (raw >= 30).astype(float) + (raw >= 60))
    points = np.where(np.isnan(thirds), 2, np.array([3, 1, 1]) + thirds * np.array([-1, 1, 1])).sum(axis=1)
    columns = {feature.name: raw[:, index] for index, feature in enumerate(COLUMNS)}
    values = unit_values(plan.features, columns)
    found = explain(RFM, plan.features, values, RFM.rule_weights(plan.features))
    assert np.allclose(found.log_odds, 6 - points - 0.5)
    assert ((found.scores >= 0.5) == (points < 6)).all()


def test_a_feature_in_the_middle_is_no_reason() -> None:
    features = plan_for("rule-rfm").features
    found = explain(RFM, features, np.ones((1, 3)), RFM.rule_weights(features))
    assert top_reasons(found.contributions).tolist() == [[-1, -1, -1]]


def test_a_level_says_where_the_bin_begins_and_ends() -> None:
    feature = plan_for("rule-rfm").features[0]
    assert [level_of(feature, code) for code in (0.0, 1.0, 2.0)] == ["below 30", "30 to 60", "60 or more"]
    assert level_of(feature, float("nan")) == "unknown"


@pytest.mark.parametrize("model", ["rule-decay", "rule-rfm"])
def test_its_plan_is_counted_once_and_costs_no_training(model: str) -> None:
    plan = parse_plan(plan_bytes(plan_for(model)))
    assert [one.kind for step in exchanges(plan) for one in step.releases] == ["evaluate", "audit"]
    assert plan.counted_part == "held-out"
    assert plan.split == {"train": (), "held-out": ((0, 100),), "judge": ()}
    assert plan.releases_of("train") == ()


def test_other_weights_under_its_name_are_refused() -> None:
    plan = plan_for()
    own = DECAY.start(plan, members=1)
    DECAY.check_weights(plan, own)
    for other in (own + 1e-9, own[:-1], np.full_like(own, np.nan), -own):
        with pytest.raises(MalformedError, match="everybody knows"):
            DECAY.check_weights(plan, other)


def test_nothing_is_learned_under_its_name() -> None:
    with pytest.raises(MalformedError, match="learns nothing"):
        DECAY.contribution(
            plan_for(), plan_for().releases[0], inputs=np.zeros((1, 4)), labels=np.zeros(1), weights=np.zeros(4)
        )


def test_a_plan_of_a_rule_that_trains_is_refused() -> None:
    plan = plan_for()
    taught = Release("gradient", "train", "train", Gaussian(1.0, 10.0))
    uses = (Use(("train", "evaluate"), "churn", ("purchases",)), plan.uses[1])
    split = {"train": ((0, 80),), "held-out": ((80, 100),), "judge": ()}
    with pytest.raises(RefusedError, match="learns nothing"):
        model_of(replace(plan, releases=(taught, *plan.releases), uses=uses, split=split))


def test_a_finished_rule_is_audited_again_with_its_own_weights_only() -> None:
    plan = plan_for()
    made = Package("run-1", plan_bytes(plan), DECAY.start(plan, members=1))
    forged = replace(made, weights=made.weights + 1)
    for package in (made, forged):
        again = audit_plan(
            study="again",
            country="TW",
            sites=("north",),
            purpose="fairness",
            scopes=("demographics",),
            attributes=plan.attributes,
            package=package_bytes(package),
        )
        assert (again.model, again.features, again.counted_part) == (DECAY.name, plan.features, "judge")
        if package is made:
            assert finished_weights(again, DECAY, package_bytes(made)).tolist() == made.weights.tolist()
        else:
            with pytest.raises(MalformedError, match="everybody knows"):
                finished_weights(again, DECAY, package_bytes(forged))


class Lax(AdditiveLogistic):
    """Somebody's model that looks at no plan."""

    def check(self, plan: Plan) -> None:
        """Whatever it is."""

    def rounds(self, plan: Plan) -> Any:
        """One, as if it were priced."""
        return [plan.releases[:1]]


def test_a_trained_model_cannot_be_passed_off_as_a_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RefusedError, match="gradient"):
        model_of(replace(plan_for(), model=LINEAR.name))
    monkeypatch.setattr(registry, "installed", lambda: {"lax": Lax("lax", 0)})
    with pytest.raises(RefusedError, match="trains it, or names"):
        model_of(replace(plan_for(), model="lax"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cuts": {**DAYS, "add": ()}}, "needs cuts of add"),
        ({"cuts": {"visit": (7,)}}, "needs cuts of add"),
        ({"cuts": {**DAYS, "add": (30, 40)}}, "one cut for each signal"),
        ({"cuts": {**DAYS, "add": (0,)}}, "public range"),
        ({"cuts": {**DAYS, "add": (101,)}}, "public range"),
        ({"cuts": {**DAYS, "add": (float("nan"),)}}, "public range"),
        ({"model": "rule-rfm", "cuts": {**THIRDS, "add": (60, 30)}}, "public range"),
        ({"model": "rule-rfm", "cuts": {**THIRDS, "add": (30,)}}, "recency, frequency and money"),
        ({"model": "rule-rfm", "features": COLUMNS[:2]}, "recency, frequency and money"),
        ({"features": ()}, "one cut for each signal"),
        ({"features": (Feature("visit", "binary"),)}, "a column of numbers"),
        ({"features": (Feature("visit", "binned", edges=(5.0,)),), "cuts": {"visit": (float("nan"),)}}, "rise"),
        ({"model": "rule-moon"}, "no rule is called"),
        ({"model": "churn-linear"}, "no rule is called"),
    ],
)
def test_a_rule_whose_bins_are_none_is_no_plan(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((MalformedError, RefusedError), match=said):
        plan_for(**changes)
