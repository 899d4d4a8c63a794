"""Law: a mechanism's price is exact or above, its stored form gives it back, and what is unknown is refused."""

import json
import math
from fractions import Fraction

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.accounting import delta_of_mu
from privacy.discrete_bound import gdp_rate, negligible_mixture
from privacy.errors import MechanismError, UnknownMechanismError
from privacy.mechanism import (
    KINDS,
    DiscreteGaussian,
    DiscreteLaplace,
    Gaussian,
    RandomisedResponse,
    cost,
    from_data,
    to_data,
)
from privacy.quantities import UNITS_PER_ONE, Cost, exact

NUMBERS = st.floats(1e-6, 1e6)
MECHANISMS = st.one_of(
    st.builds(Gaussian, sensitivity=NUMBERS, std=NUMBERS),
    st.builds(
        DiscreteGaussian,
        sensitivity=NUMBERS,
        grid=st.floats(1e-9, 1.0),
        coordinates=st.integers(1, 10**6),
        share_std=st.floats(8, 1e9),
        shares=st.integers(1, 12),
    ),
    st.builds(DiscreteLaplace, sensitivity=st.integers(1, 100), epsilon=NUMBERS),
    st.builds(RandomisedResponse, epsilon=NUMBERS, options=st.integers(2, 50)),
)


@given(MECHANISMS)
def test_stored_data_gives_the_mechanism_back_without_floats(mechanism):
    text = json.dumps(to_data(mechanism))
    assert from_data(json.loads(text)) == mechanism
    assert not any(isinstance(value, float) for value in to_data(mechanism).values())


@given(MECHANISMS, st.integers(0, 1000))
def test_many_releases_cost_at_most_many_single_ones_and_never_less_than_the_truth(mechanism, times):
    assert cost(mechanism, times).fits(cost(mechanism).times(times))
    assert cost(mechanism, times + 1).gaussian >= cost(mechanism, times).gaussian


@given(sensitivity=NUMBERS, std=NUMBERS, times=st.integers(0, 10**6))
def test_a_gaussian_is_charged_its_exact_square_rounded_up(sensitivity, std, times):
    truth = times * (exact(sensitivity) / exact(std)) ** 2 * UNITS_PER_ONE
    charged = cost(Gaussian(sensitivity, std), times)
    assert 0 <= charged.gaussian - truth < 1
    assert charged.pure == 0


@given(epsilon=NUMBERS, times=st.integers(0, 10**6))
def test_pure_releases_are_charged_their_epsilon_rounded_up(epsilon, times):
    for mechanism in (DiscreteLaplace(3, epsilon), RandomisedResponse(epsilon, 4)):
        charged = cost(mechanism, times)
        assert 0 <= charged.pure - times * exact(epsilon) * UNITS_PER_ONE < 1
        assert charged.gaussian == 0


def test_known_charges():
    assert cost(Gaussian(1.0, 20.0), 100) == Cost(gaussian=UNITS_PER_ONE // 4, pure=0)
    assert cost(Gaussian(1.0, 3.0)) == Cost(gaussian=111_111_111_112, pure=0)
    assert cost(DiscreteLaplace(1, 0.25), 2) == Cost(gaussian=0, pure=UNITS_PER_ONE // 2)


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "skellam"},
        {"kind": "gaussian", "sensitivity": "1.0"},
        {"kind": "gaussian", "sensitivity": "1.0", "std": "2.0", "sampling": "0.1"},
        {"kind": ["gaussian"], "sensitivity": "1.0", "std": "2.0"},
        {"sensitivity": "1.0", "std": "2.0"},
    ],
)
def test_unknown_kinds_and_fields_are_refused(data):
    with pytest.raises(UnknownMechanismError):
        from_data(data)


@pytest.mark.parametrize(
    "data",
    [
        {"kind": "gaussian", "sensitivity": "1.0", "std": "0.0"},
        {"kind": "gaussian", "sensitivity": "1.0", "std": "inf"},
        {"kind": "gaussian", "sensitivity": "nan", "std": "1.0"},
        {"kind": "gaussian", "sensitivity": "one", "std": "1.0"},
        {"kind": "gaussian", "sensitivity": 1.0, "std": "1.0"},
        {"kind": "discrete-laplace", "sensitivity": "1", "epsilon": "1.0"},
        {"kind": "discrete-laplace", "sensitivity": True, "epsilon": "1.0"},
        {"kind": "discrete-laplace", "sensitivity": 0, "epsilon": "1.0"},
        {"kind": "randomised-response", "options": 1, "epsilon": "1.0"},
        {
            "kind": "discrete-gaussian",
            "sensitivity": "1.0",
            "grid": "0.1",
            "coordinates": 1,
            "share_std": "2.0",
            "shares": 2,
        },
    ],
)
def test_numbers_outside_their_domain_are_refused(data):
    with pytest.raises(MechanismError):
        from_data(data)


@pytest.mark.parametrize("times", [-1, 1.0, True])
def test_times_is_a_whole_number(times):
    with pytest.raises(MechanismError):
        cost(Gaussian(1.0, 1.0), times)


def test_the_kinds_and_their_fields_never_change():
    """Compatibility: this list may grow; a line of it may never change, for histories are priced by it."""
    fields = {kind: sorted(to_data(example)) for kind, example in EXAMPLES.items()}
    assert fields == {
        "gaussian": ["kind", "sensitivity", "std"],
        "discrete-gaussian": ["coordinates", "grid", "kind", "sensitivity", "share_std", "shares"],
        "discrete-laplace": ["epsilon", "kind", "sensitivity"],
        "randomised-response": ["epsilon", "kind", "options"],
    }
    assert set(KINDS) == set(EXAMPLES)
    assert [cost(example) for example in EXAMPLES.values()] == [
        Cost(250_000_000_000, 0),
        Cost(250_977_526_148, 0),
        Cost(0, 500_000_000_000),
        Cost(0, 700_000_000_000),
    ]


EXAMPLES = {
    "gaussian": Gaussian(1.0, 2.0),
    "discrete-gaussian": DiscreteGaussian(1.0, 2.0**-10, 4, 1024.0, 4),
    "discrete-laplace": DiscreteLaplace(1, 0.5),
    "randomised-response": RandomisedResponse(0.7, 3),
}


# The proven bound of integer noise


def exact_rate(std, last):
    """max of Φ⁻¹ differences of discrete Gaussian tails, with 60 digits and no shared code."""
    with mpmath.workdps(60):
        sigma = mpmath.mpf(std)
        # exp(-k²/2σ²) by its recurrence: each is the one before times a factor that itself shrinks by exp(-1/σ²).
        mass, factor, shrink = [mpmath.mpf(1)], mpmath.exp(-1 / (2 * sigma**2)), mpmath.exp(-1 / sigma**2)
        for _ in range(int(last + 12 * std) + 60):
            mass.append(mass[-1] * factor)
            factor *= shrink
        tails, total = [mpmath.mpf(0)], mpmath.mpf(0)
        for one in reversed(mass):
            total += one
            tails.append(total)
        tails.reverse()
        norm = tails[0] + tails[1]

        def quantile(k):
            p = tails[k] / norm
            x = -mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * p) if p > 1e-8 else None
            if x is not None:
                return -x
            guess = mpmath.sqrt(-2 * mpmath.log(p))
            return mpmath.findroot(lambda z: mpmath.log(mpmath.ncdf(-z)) - mpmath.log(p), guess)

        points = sorted({0, 1, 2, 3, int(std), int(2 * std), int(4 * std), int(8 * std), last})
        return max(abs(quantile(k + 1) - quantile(k)) for k in points)


@pytest.mark.parametrize(("std", "last"), [(1.0, 12), (2.0, 24), (8.0, 80), (100.0, 900), (512.0, 4000)])
def test_the_rate_covers_every_threshold_looked_at_with_sixty_digits(std, last):
    assert gdp_rate(std) >= float(exact_rate(std, last))
    assert gdp_rate(std) <= (1 + 0.05 / std**2) / std * (1 + 1e-4 / std) or std > 64


def test_the_rate_of_coarse_and_fine_grids():
    # reference: a discrete Gaussian exceeds the Gaussian δ by 35 % at σ = 2, by 0.1 % at σ = 32.
    assert gdp_rate(2.0) * 2 == pytest.approx(1.01065, abs=1e-5)
    assert gdp_rate(32.0) * 32 == pytest.approx(1.0000407, abs=1e-7)


@pytest.mark.parametrize("std", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("shift", [1, 3])
@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 2.0])
def test_the_true_delta_of_a_discrete_gaussian_is_covered(std, shift, epsilon):
    """δ summed from the definition, against δ of the Gaussian that is charged."""
    last = int(40 * std)
    mass = {k: math.exp(-(k**2) / (2 * std**2)) for k in range(-last - shift, last + 1)}
    norm = sum(mass.values())
    truth = sum(max(0.0, mass[k] - math.exp(epsilon) * mass[k - shift]) for k in range(-last, last + 1)) / norm
    assert truth <= delta_of_mu(shift * gdp_rate(std), epsilon) * (1 + 1e-9)


def test_the_uncorrected_price_would_understate():
    """Positive control: with μ = Δ/σ the same check fails at σ = 2, so the check can see the difference."""
    mass = {k: math.exp(-(k**2) / 8) for k in range(-80, 81)}
    norm = sum(mass.values())
    truth = sum(max(0.0, mass[k] - math.exp(3.0) * mass[k - 1]) for k in range(-79, 80)) / norm
    assert truth > 1.15 * delta_of_mu(1 / 2.0, 3.0)


@pytest.mark.parametrize("shares", [2, 3])
def test_a_sum_of_shares_is_one_discrete_gaussian_up_to_the_stated_factor(shares):
    std, last = 1.5, 40
    one = [math.exp(-(k**2) / (2 * std**2)) for k in range(-last, last + 1)]
    total = one
    for _ in range(shares - 1):
        total = [
            sum(one[j] * total[k - j] for j in range(len(one)) if 0 <= k - j < len(total))
            for k in range(len(total) + len(one) - 1)
        ]
    middle = len(total) // 2
    variance = shares * std**2
    ratios = [
        math.log(total[middle + k] / total[middle]) + k**2 / (2 * variance) for k in range(-int(4 * std), int(4 * std))
    ]
    tau = 10 * sum(math.exp(-2 * math.pi**2 * std**2 * k / (k + 1)) for k in range(1, shares))
    assert max(map(abs, ratios)) <= 2 * tau
    assert tau > 1e-10


def test_coarse_shares_are_refused_and_eight_steps_are_enough():
    assert not negligible_mixture(4.0, shares=3, coordinates=10**6)
    assert negligible_mixture(8.0, shares=12, coordinates=10**6)
    with pytest.raises(MechanismError):
        DiscreteGaussian(1.0, 0.1, 10, 2.0, 3)


def test_rounding_to_the_grid_is_part_of_the_sensitivity():
    fine, coarse = (DiscreteGaussian(1.0, grid, 100, 64.0 / grid, 1) for grid in (2.0**-20, 2.0**-2))
    assert fine.mu == pytest.approx(1 / 64, rel=1e-4)
    assert coarse.mu >= (1 / 0.25 + 10) / 256
    assert cost(coarse).gaussian >= Fraction(coarse.mu) ** 2 * UNITS_PER_ONE
