"""The non-private reference is exact, and the features of the real data carry the signal the demo's goals count on.

Law: `auc` equals scikit-learn's; training in rounds walks to the fitted optimum. Goals of the demo rest on the central
figures below (journey .70, telco .83, both at .96 of central), so a feature lost on the way must fail here first.
"""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from consent_center.demo.errors import DataPackageMissingError
from consent_center.demo.federation import Federation
from consent_center.demo.load import load
from consent_center.demo.reference import auc, central_logistic, training_curve


def encoded(federation: Federation) -> tuple[np.ndarray, np.ndarray]:
    """One row per person, drawn from her sites by chance; the design matrix as the schema declares it."""
    matrices, labels, people = [], [], []
    for site in federation.sites:
        columns = []
        for feature in federation.features:
            values = site.rows[feature.name].to_numpy()
            if feature.kind == "continuous":
                columns.append((values.clip(feature.lo, feature.hi) - feature.lo) / (feature.hi - feature.lo) - 0.5)
            elif feature.kind == "binary":
                columns.append(values - 0.5)
            else:
                columns.extend((values == category) - 1 / len(feature.categories) for category in feature.categories)
        matrices.append(np.column_stack(columns))
        labels.append(site.rows["label"].to_numpy())
        people.extend(site.rows["person"].to_pylist())
    order = np.random.default_rng(0).permutation(len(people))
    chosen = order[np.unique(np.array(people)[order], return_index=True)[1]]
    return np.vstack(matrices)[chosen], np.concatenate(labels)[chosen]


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 2.0]), st.integers(0, 1)), min_size=2, max_size=30))
def test_auc_equals_scikit_learns_with_ties(rows: list[tuple[float, int]]) -> None:
    scores, labels = (np.array(column) for column in zip(*rows, strict=True))
    if len(set(labels)) == 1:
        with pytest.raises(ValueError, match="both labels"):
            auc(scores, labels)
    else:
        assert auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores))


def test_auc_knows_perfect_reversed_and_blind() -> None:
    labels = np.array([0, 0, 1, 1])
    assert auc(np.array([1.0, 2, 3, 4]), labels) == 1
    assert auc(np.array([4.0, 3, 2, 1]), labels) == 0
    assert auc(np.ones(4), labels) == 0.5


def test_training_in_rounds_walks_to_the_optimum() -> None:
    rng = np.random.default_rng(2)
    rows = rng.uniform(-0.5, 0.5, (2000, 3))
    labels = (rng.random(2000) < 1 / (1 + np.exp(1 - rows @ np.array([3.0, -2.0, 0.5])))).astype(int)
    held_out, held_out_labels = rows[1500:], labels[1500:]
    rows, labels = rows[:1500], labels[:1500]
    curve = training_curve(
        rows, labels, held_out=held_out, held_out_labels=held_out_labels, rounds=400, learning_rate=1.0
    )
    assert [point.round for point in curve] == list(range(1, 401))
    exact = LogisticRegression(C=1e9, max_iter=5000).fit(rows, labels)
    margin = exact.decision_function(rows)
    assert curve[0].loss < np.log(2)
    assert curve[-1].loss == pytest.approx(np.mean(np.logaddexp(0, margin) - labels * margin), abs=1e-6)
    assert curve[-1].auc == pytest.approx(auc(exact.decision_function(held_out), held_out_labels), abs=1e-3)


def test_one_round_is_one_step_by_hand() -> None:
    rows, labels = np.array([[1.0], [-1.0]]), np.array([1, 0])
    (only,) = training_curve(rows, labels, held_out=rows, held_out_labels=labels, rounds=1, learning_rate=2.0)
    # The gradient at zero is -1/2 for the column and 0 for the intercept, so the step makes the weight 1.
    assert only.loss == pytest.approx(np.log1p(np.exp(-1)))
    assert only.auc == 1


def test_a_missing_scikit_learn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    rows, labels = np.array([[1.0], [-1.0]]), np.array([1, 0])
    with pytest.raises(DataPackageMissingError, match=r"pip install .*scikit-learn"):
        central_logistic(rows, labels, held_out=rows, held_out_labels=labels)


@pytest.mark.parametrize(("name", "at_least"), [("journey", 0.73), ("telco", 0.84), ("synthetic", 0.795)])
def test_features_carry_the_signal_the_goals_count_on(name: str, at_least: float) -> None:
    matrix, labels = encoded(load(name))
    shuffled = np.random.default_rng(1).permutation(len(labels))
    reached = []
    for fold in range(5):
        held_out = shuffled[fold::5]
        train = np.setdiff1d(shuffled, held_out)
        central = central_logistic(
            matrix[train], labels[train], held_out=matrix[held_out], held_out_labels=labels[held_out]
        )
        reached.append(central.auc)
    assert np.mean(reached) >= at_least
