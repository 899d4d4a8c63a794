"""Laws: results are sums of what the sites released, with the noise of all of them in every interval."""

import json
from dataclasses import replace

import numpy as np
import pytest

from audit.fairness.counts import discrete_laplace_variance
from federated.errors import MalformedError
from federated.plan import Feature, Release
from federated.results import coverage_result, noise_variance, read_tables, run_results, total_counts
from privacy.mechanism import DiscreteLaplace
from tests.federated.world import make_plan

PLAN = make_plan(("north", "south"), members=100, minimum_cohort=20)
HISTOGRAM, TABLE = PLAN.releases[1], PLAN.releases[2]


def results() -> dict[str, object]:
    negatives, positives = [40, 30, 20, 10, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 20, 30, 50]
    counts = np.array(negatives + positives)
    return run_results(PLAN, {"histogram": [counts, counts], "table:age": [np.arange(18), np.ones(18, dtype=np.int64)]})


def test_the_results_of_a_run_are_sums_over_the_sites() -> None:
    found = results()
    histogram = found["histogram"]
    assert histogram["negatives"][:4] == [80, 60, 40, 20]
    assert histogram["auc"] == pytest.approx(1.0)
    assert histogram["noise_variance"] == pytest.approx(2 * discrete_laplace_variance(0.4))
    assert found["tables"]["age"]["cells"][0] == [[1, 2], [3, 4], [5, 6]]
    assert json.loads(json.dumps(found)) == found


def test_the_interval_contains_the_noise() -> None:
    low, high = results()["histogram"]["auc_interval"]
    assert low < 0.99
    assert high == pytest.approx(1.0)


def test_calibration_is_what_came_true_minus_what_was_said() -> None:
    """By hand: 200 positives in the bins from .7, 200 negatives in those up to .4, so half came true."""
    histogram = results()["histogram"]
    said = 2 * (40 * 0.05 + 30 * 0.15 + 20 * 0.25 + 10 * 0.35 + 20 * 0.75 + 30 * 0.85 + 50 * 0.95) / 400
    assert histogram["calibration"] == pytest.approx(0.5 - said)
    low, high = histogram["calibration_interval"]
    assert low < 0.5 - said < high


def test_coverage_counts_what_stands_above_the_noise_only() -> None:
    tasks = (Feature("kinds", "items", categories=("a", "b", "c", "d")),)
    release = Release("coverage:kinds", "evaluate", "held-out", DiscreteLaplace(1, 0.5))
    plan = replace(PLAN, features=tasks)
    found = coverage_result(plan, release, [np.array([90, 5, 0, -7]), np.array([40, 1, 2, 3])])
    assert found["at_least"] == 0.25  # 5.6 standard deviation of the noise of two sites: 6 is not above three of them
    assert found["cells"] == [130, 6, 2, -4]
    with pytest.raises(MalformedError):
        coverage_result(PLAN, release, [np.zeros(4, dtype=np.int64)])


def test_tables_survive_their_json() -> None:
    (table,) = read_tables(PLAN, json.loads(json.dumps(results())))
    assert table.layout.groups == ("young", "old")
    assert table.cells.sum() == np.arange(18).sum() + 18
    assert table.noise_variance == pytest.approx(2 * discrete_laplace_variance(0.8))


@pytest.mark.parametrize("wrong", [{}, {"tables": {}}, {"tables": {"age": {"cells": [1], "noise_variance": 1}}}])
def test_results_of_another_plan_are_malformed(wrong: dict[str, object]) -> None:
    with pytest.raises(MalformedError):
        read_tables(PLAN, wrong)


def test_sites_that_count_differently_are_malformed() -> None:
    for wrong in (np.zeros(3, dtype=np.int64), np.zeros(4)):
        with pytest.raises(MalformedError):
            total_counts(TABLE, [np.zeros(4, dtype=np.int64), wrong], cells=4)
    with pytest.raises(MalformedError):
        noise_variance(PLAN.releases[0], [np.zeros(4, dtype=np.int64)] * 2)


def test_a_plan_without_an_audit_has_no_tables() -> None:
    assert run_results(PLAN, {}) == {"tables": {}}
