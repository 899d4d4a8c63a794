"""Law: a run costs a member what its worst part costs, attempts included; noise made from epsilon fits the ledger."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.models.noise_choice import gaussian_for
from federated.price import ledger_releases, price
from privacy.ledger import Budget
from privacy.mechanism import cost
from tests.federated.world import make_plan


def test_releases_add_within_a_part_and_the_worst_part_counts() -> None:
    plan = make_plan(("north",), members=1000, minimum_cohort=20)
    budget = Budget.create(epsilon=4, epsilon_pure=2, delta=1e-5, members=1000)
    assert price(plan).pure == 12 * 10**11
    assert price(plan).fits(budget.limit)
    assert price(plan).gaussian > budget.limit.gaussian - 100
    assert [release.times for release in ledger_releases(plan)] == [3, 1, 1]


def test_attempts_are_priced() -> None:
    once = make_plan(("north",), members=1000, minimum_cohort=20)
    twice = make_plan(("north",), members=1000, minimum_cohort=20, max_attempts=2)
    assert price(twice).pure == 2 * price(once).pure
    assert twice.releases[0].times == 6
    assert price(twice).gaussian <= Budget.create(epsilon=2, delta=1e-5, members=1).limit.gaussian


@given(epsilon=st.floats(0.05, 20), times=st.integers(1, 3000), bound=st.floats(1e-3, 1e3))
def test_all_gradients_together_fit_epsilon_and_waste_nothing(epsilon: float, times: int, bound: float) -> None:
    noise = gaussian_for(bound=bound, times=times, epsilon=epsilon, delta=1e-5)
    limit = Budget.create(epsilon=epsilon, delta=1e-5, members=1).limit.gaussian
    assert cost(noise, times).gaussian <= limit
    assert cost(noise, times).gaussian >= limit * (1 - 1e-9) - 2


def test_the_noise_is_that_of_the_reference() -> None:
    """B(2, 1e-5) = .502; std = bound·sqrt(T)/B."""
    noise = gaussian_for(bound=2.0, times=100, epsilon=2.0, delta=1e-5)
    assert noise.std == pytest.approx(2 * math.sqrt(100) / 0.502, rel=1e-3)
