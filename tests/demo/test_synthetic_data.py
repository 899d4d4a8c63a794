"""The generated federation keeps its word: the truth it states is the truth in its rows.

Law: the stated coefficients are recovered from the rows, no score beats the stated ceiling, and neither age nor gender
says anything about the label.
"""

from functools import cache

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from consent_center.demo import synthetic
from consent_center.demo.federation import Federation
from consent_center.demo.reference import auc


@cache
def whole() -> Federation:
    return synthetic.load()


@cache
def everybody() -> pa.Table:
    return pa.concat_tables([site.rows for site in whole().sites])


def design() -> tuple[np.ndarray, list[str]]:
    columns, names = [], []
    for feature in whole().features:
        values = everybody()[feature.name].to_numpy()
        if feature.kind == "continuous":
            columns.append((values - feature.lo) / (feature.hi - feature.lo) - 0.5)
            names.append(feature.name)
        elif feature.kind == "binary":
            columns.append(values - 0.5)
            names.append(feature.name)
        else:
            columns.extend((values == category) - 1 / len(feature.categories) for category in feature.categories)
            names.extend(f"{feature.name}={category}" for category in feature.categories)
    return np.column_stack(columns), names


def test_there_are_100000_members_of_whom_a_tenth_are_at_two_sites() -> None:
    assert (whole().members, everybody().num_rows) == (100_000, 110_000)


def test_the_stated_truth_scores_the_stated_ceiling() -> None:
    matrix, names = design()
    truth = whole().truth
    assert truth is not None
    score = matrix @ np.array([truth.coefficients[name] for name in names])
    assert auc(score, everybody()["label"].to_numpy()) == pytest.approx(truth.auc_ceiling, abs=0.005)
    assert 0.75 < truth.auc_ceiling < 0.85


def test_the_rows_give_the_stated_coefficients_back() -> None:
    matrix, names = design()
    truth = whole().truth
    assert truth is not None
    fitted = LogisticRegression(C=1e4, max_iter=2000).fit(matrix, everybody()["label"].to_numpy())
    assert fitted.intercept_[0] == pytest.approx(truth.intercept, abs=0.1)
    found = dict(zip(names, fitted.coef_[0], strict=True))
    assert found == pytest.approx(truth.coefficients, abs=0.2)


@pytest.mark.parametrize("attribute", ["age_band", "gender"])
def test_age_and_gender_say_nothing_about_the_label(attribute: str) -> None:
    rates = everybody().group_by(attribute).aggregate([("label", "mean"), ("label", "count")]).to_pylist()
    assert min(row["label_count"] for row in rates) > 10_000
    assert min(row["label_mean"] for row in rates) > 0.95 * max(row["label_mean"] for row in rates)


def test_one_member_in_seven_gave_neither_age_nor_gender_and_says_the_same_at_both_sites() -> None:
    told: dict[str, set[tuple[str | None, str | None]]] = {}
    for row in everybody().select(["person", "age_band", "gender"]).to_pylist():
        told.setdefault(row["person"], set()).add((row["age_band"], row["gender"]))
    assert all(len(answers) == 1 for answers in told.values())
    silent = sum(answers == {(None, None)} for answers in told.values())
    assert silent / len(told) == pytest.approx(1 / 7, abs=0.01)


def test_the_seed_moves_rows_between_sites_and_changes_none() -> None:
    columns = [name for name in everybody().column_names if name != "customer"]
    keys = [("person", "ascending"), ("recency_weeks", "ascending")]
    other = pa.concat_tables([site.rows for site in synthetic.load(seed=9, sites=5).sites])
    assert other.select(columns).sort_by(keys).equals(everybody().select(columns).sort_by(keys))


@given(st.lists(st.sampled_from([0.1, 0.25, 0.5, 0.9]), min_size=2, max_size=12))
def test_the_ceiling_equals_its_sum_over_all_pairs(chances: list[float]) -> None:
    risk = np.array(chances)
    weight = np.outer(risk, 1 - risk)
    wins = (risk[:, None] > risk[None, :]) + 0.5 * (risk[:, None] == risk[None, :])
    assert synthetic.auc_of_risk(risk) == pytest.approx((weight * wins).sum() / weight.sum())
