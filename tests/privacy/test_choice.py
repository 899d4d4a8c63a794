"""Law: rounds, step and clip follow from public numbers, and a choice costs exactly the budget it was given."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.accounting import gdp_mu
from privacy.choice import FEWEST_ROUNDS, MOST_ROUNDS, band, choose, rounds_for, steps_for
from privacy.errors import MechanismError


@pytest.mark.parametrize(
    ("members", "public"),
    [(1, 1), (2, 2), (4, 2), (5, 5), (9, 5), (10, 10), (7043, 5000), (19_999, 10_000), (20_000, 20_000)],
)
def test_only_the_band_of_the_member_count_is_used(members, public):
    assert band(members) == public
    assert choose(members=members, mu=0.5, largest_norm=1.0) == choose(members=public, mu=0.5, largest_norm=1.0)


@given(members=st.integers(1, 10**7), mu=st.floats(0.01, 3), norm=st.floats(0.1, 100), noises=st.integers(1, 12))
def test_all_rounds_together_cost_the_budget(members, mu, norm, noises):
    path = choose(members=members, mu=mu, largest_norm=norm, noises=noises)
    assert path.steps.rounds * path.release.mu**2 == pytest.approx(mu**2)
    assert FEWEST_ROUNDS <= path.steps.rounds <= MOST_ROUNDS
    assert path.steps.rate > 0
    assert 1 <= path.steps.averaged <= path.steps.rounds


def test_the_published_settings_of_the_telco_study():
    # reference: T = 100, step about 1, momentum .9 for n = 5,634 of telco at ε = 4.
    path = choose(members=5634, mu=gdp_mu(4, 1e-5), largest_norm=(29 / 4 + 1) ** 0.5)
    assert (path.steps.rounds, path.steps.momentum) == (100, 0.9)
    assert path.steps.rate == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("wrong", [{"members": 0}, {"mu": 0.0}, {"largest_norm": 0.0}, {"noises": 0}])
def test_numbers_that_mean_nothing_are_refused(wrong):
    with pytest.raises(MechanismError):
        choose(**{"members": 100, "mu": 0.5, "largest_norm": 1.0, **wrong})


def test_few_rounds_at_small_n_and_a_hundred_at_large():
    assert rounds_for(members=10, mu=0.5) == 30
    assert rounds_for(members=1300, mu=0.5) == 41
    assert rounds_for(members=100_000, mu=0.5) == 100


@given(members=st.integers(10, 10**6), std=st.floats(1, 1e4), noises=st.integers(1, 12))
def test_more_noise_never_makes_longer_steps(members, std, noises):
    less = steps_for(rounds=50, members=members, bound=1.0, std=std, noises=noises)
    assert steps_for(rounds=50, members=members, bound=1.0, std=2 * std, noises=noises).rate <= less.rate
    assert steps_for(rounds=50, members=members, bound=1.0, std=std, noises=noises + 1).rate <= less.rate
