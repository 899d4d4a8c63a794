"""Law: costs are exact integers; charges round up, limits round down, and no float decides."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.quantities import UNITS_PER_ONE, Cost, exact, units_down, units_up

COSTS = st.builds(Cost, gaussian=st.integers(0, 10**20), pure=st.integers(0, 10**20))


@given(COSTS, COSTS, COSTS)
def test_costs_add_in_any_order(a, b, c):
    assert (a + b) + c == c + (b + a)
    assert a + Cost.zero() == a


@given(COSTS, st.integers(0, 50))
def test_times_is_repeated_adding(a, n):
    total = Cost.zero()
    for _ in range(n):
        total += a
    assert a.times(n) == total


@given(COSTS, COSTS)
def test_worst_covers_both_and_no_more(a, b):
    worst = Cost.worst(a, b)
    assert a.fits(worst)
    assert b.fits(worst)
    assert worst.gaussian in (a.gaussian, b.gaussian)
    assert worst.pure in (a.pure, b.pure)


@given(COSTS)
def test_equality_fits_and_one_unit_more_does_not(a):
    assert a.fits(a)
    assert not (a + Cost(1, 0)).fits(a)
    assert not (a + Cost(0, 1)).fits(a)


@given(st.fractions(0, 1000))
def test_rounding_is_on_the_members_side_and_less_than_one_unit(amount):
    assert 0 <= units_up(amount) - amount * UNITS_PER_ONE < 1
    assert 0 <= amount * UNITS_PER_ONE - units_down(amount) < 1


@given(COSTS, COSTS)
def test_what_is_left_and_what_is_spent_make_the_limit(spent, limit):
    left = spent.left_of(limit)
    if spent.fits(limit):
        assert spent + left == limit
    else:
        assert 0 in (left.gaussian, left.pure)


def test_a_number_means_the_decimal_it_prints_as():
    assert exact(0.1) == Fraction(1, 10)
    assert exact(np.float64(0.1)) == Fraction(1, 10)
    assert units_up(3 * exact(0.1)) == units_down(exact(0.3))
    assert exact(10**30) == 10**30


@pytest.mark.parametrize("wrong", [1.0, True, "1", None, np.int64(1)])
def test_a_cost_is_made_of_integers_only(wrong):
    with pytest.raises(TypeError):
        Cost(gaussian=wrong, pure=0)


@pytest.mark.parametrize(("gaussian", "pure"), [(-1, 0), (0, -1)])
def test_a_cost_is_never_negative(gaussian, pure):
    with pytest.raises(ValueError, match="never given back"):
        Cost(gaussian=gaussian, pure=pure)


def test_numbers_for_people():
    assert Cost(gaussian=UNITS_PER_ONE // 4, pure=UNITS_PER_ONE // 2).mu == 0.5
    assert Cost(gaussian=0, pure=UNITS_PER_ONE // 2).epsilon_pure == 0.5
