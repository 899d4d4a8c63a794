"""Laws: results are sums of what the sites released, with the noise of all of them in every interval."""

import json

import numpy as np
import pytest

from audit.fairness.counts import discrete_laplace_variance
from federated.errors import MalformedError
from federated.results import noise_variance, read_tables, run_results, total_counts
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
