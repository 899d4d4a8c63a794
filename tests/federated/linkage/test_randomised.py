"""Law: what crosses about a member is one randomised label and one randomised bin per epoch, each at its price."""

from fractions import Fraction

import numpy as np
import pytest

from federated.errors import MalformedError, Refusal, RefusedError
from federated.linkage.randomised import (
    Exchange,
    all_answered,
    answer_once,
    bins_of,
    edges_of,
    truth_rate,
)
from privacy.quantities import UNITS_PER_ONE
from tests.federated.linked_world import linked_plan
from tests.privacy.seeded_noise import SeededNoise

PLAN = Exchange(epsilon_label=1.0, epsilon_bin=4.0, epsilon_edges=0.25)
TOKENS = [n.to_bytes(32, "big") for n in range(20_000)]


def test_the_price_is_the_sum_of_what_crosses_and_of_the_edges() -> None:
    assert PLAN.cost.pure == Fraction(21, 4) * UNITS_PER_ONE
    assert PLAN.cost.gaussian == 0


def test_what_reviewers_are_told_that_a_plan_costs_her_is_her_label_once_and_each_helpers_answer() -> None:
    assert linked_plan(epsilon_label=1.0, epsilon_bin=4.0).crossing_epsilon == 1.0 + 2 * (4.0 + 0.25)


@pytest.mark.parametrize(
    "wrong",
    [{"epsilon_label": 0}, {"epsilon_bin": -1}, {"epsilon_edges": float("nan")}, {"bins": 1}, {"bins": 9}],
)
def test_numbers_outside_their_ranges_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(MalformedError):
        Exchange(**{"epsilon_label": 1.0, "epsilon_bin": 1.0, **wrong})


def test_an_answer_is_true_as_often_as_its_price_says() -> None:
    """20,000 answers: six standard errors are .02 for labels and .01 for bins; a false alarm has odds below 1e-8."""
    for mechanism, width in ((PLAN.labels, 0.02), (PLAN.answers, 0.01)):
        truths = {token: n % mechanism.options for n, token in enumerate(TOKENS)}
        given = answer_once({}, truths, mechanism, SeededNoise(7))
        kept = np.mean([given[token] == truths[token] for token in TOKENS])
        assert abs(kept - truth_rate(mechanism)) < width


def test_the_same_member_gets_the_same_answer_in_the_epoch_whatever_is_true_by_then() -> None:
    kept: dict[bytes, int] = {}
    first = answer_once(kept, dict.fromkeys(TOKENS[:500], 0), PLAN.labels, SeededNoise(1))
    again = answer_once(kept, dict.fromkeys(TOKENS[:600], 1), PLAN.labels, SeededNoise(2))
    assert {token: again[token] for token in TOKENS[:500]} == first
    assert len(kept) == 600


def test_answers_outside_the_options_are_refused() -> None:
    for kept, truths in (({}, {b"t": 4}), ({}, {b"t": -1}), ({b"u": 5}, {b"t": 1})):
        with pytest.raises(MalformedError):
            answer_once(kept, truths, PLAN.answers, SeededNoise(1))


def test_bins_hold_about_the_same_number_of_members() -> None:
    scores = np.random.default_rng(1).beta(2, 8, 20_000)
    edges = edges_of(scores, PLAN, SeededNoise(1))
    assert (np.diff(edges) > 0).all()
    shares = np.bincount(bins_of(scores, edges), minlength=4) / len(scores)
    assert (abs(shares - 0.25) < 0.05).all()


def test_edges_of_nobody_and_of_damaged_scores() -> None:
    class Against(SeededNoise):
        def discrete_laplace(self, shape, *, epsilon, sensitivity=1):
            return np.full(shape, -5)

    assert edges_of([0.5], PLAN, Against(1)).tolist() == [0.25, 0.5, 0.75]
    with pytest.raises(MalformedError):
        edges_of([0.5, float("nan")], PLAN, SeededNoise(1))


@pytest.mark.parametrize("given", [[1], [1, 2, 3, 0], [1, 4, 2], [255, 1, 2], [-1, 1, 2]])
def test_a_partner_that_withholds_or_adds_is_refused_whole(given: list[int]) -> None:
    all_answered([1, 255, 2], [True, False, True], PLAN.answers)
    with pytest.raises(RefusedError) as refused:
        all_answered(given, [True, True, True], PLAN.answers)
    assert refused.value.code is Refusal.LINK_TAMPERED
