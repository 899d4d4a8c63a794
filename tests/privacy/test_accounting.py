"""Law: both accountants give the published values, agree with each other, and never round in our favour."""

import json
import math
from fractions import Fraction
from pathlib import Path

import mpmath
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from privacy.accounting import (
    Accountant,
    ExactGdp,
    delta_of_mu,
    epsilon_of_cost,
    epsilon_of_mu,
    gaussian_limit,
    gdp_mu,
    mu_of_pure,
)
from privacy.certificate import PldCertificate
from privacy.errors import BudgetError
from privacy.mechanism import DiscreteGaussian, DiscreteLaplace, Gaussian, RandomisedResponse, cost
from privacy.quantities import UNITS_PER_ONE, Cost

VECTORS = json.loads(Path("tests/vectors/privacy/accounting.json").read_text(encoding="utf-8"))


def exact_delta(mu, epsilon):
    """Balle, Wang 2018, Theorem 8, with 60 digits and no shared code."""
    with mpmath.workdps(60):
        m, e = mpmath.mpf(mu), mpmath.mpf(epsilon)
        return mpmath.ncdf(m / 2 - e / m) - mpmath.exp(e) * mpmath.ncdf(-m / 2 - e / m)


def cases(key):
    return pytest.mark.parametrize("case", [c for c in VECTORS["gaussian"] if key in c], ids=lambda c: c["source"])


@cases("mu")
def test_published_delta_of_the_gaussian_mechanism(case):
    assert delta_of_mu(case["mu"], case["epsilon"]) == pytest.approx(case["delta"], rel=case["rel"])


@cases("limit")
def test_published_limits(case):
    assert gdp_mu(case["epsilon"], case["delta"]) == pytest.approx(case["limit"], abs=case["tolerance"])


@pytest.mark.parametrize("case", VECTORS["budgets"], ids=lambda c: c["source"])
def test_separate_accounts_add_up(case):
    together = math.sqrt(case["accounts"]) * gdp_mu(case["epsilon"], case["delta"])
    assert epsilon_of_mu(together, case["delta"]) == pytest.approx(case["together"], abs=0.06)


@given(mu=st.floats(0.01, 5), epsilon=st.floats(0, 12))
def test_delta_matches_sixty_digits(mu, epsilon):
    truth = exact_delta(mu, epsilon)
    assert delta_of_mu(mu, epsilon) == pytest.approx(float(truth), rel=1e-8, abs=1e-300)


@given(mu=st.floats(0.01, 5), exponent=st.floats(-12, -1.1))
def test_epsilon_undoes_delta_from_above(mu, exponent):
    delta = 10**exponent
    epsilon = epsilon_of_mu(mu, delta)
    assert exact_delta(mu, epsilon) <= delta * (1 + 1e-9)
    if epsilon > 1e-6:
        assert exact_delta(mu, epsilon * (1 - 1e-6)) >= delta


@pytest.mark.parametrize("epsilon", [0, Fraction(1, 2), 1, 2, 4, 8, 20])
@pytest.mark.parametrize("exponent", [5, 6, 9])
def test_a_limit_is_the_last_unit_that_keeps_delta(epsilon, exponent):
    delta = Fraction(1, 10**exponent)
    units = gaussian_limit(Fraction(epsilon), delta)

    def at(n):
        return exact_delta(mpmath.sqrt(mpmath.mpf(n) / UNITS_PER_ONE), float(epsilon)) if n else 0

    with mpmath.workdps(60):
        assert at(units) <= mpmath.mpf(1) / 10**exponent < at(units + 1)


def test_a_limit_needs_numbers_that_mean_something():
    for epsilon, delta in ((Fraction(-1), Fraction(1, 100)), (Fraction(1), Fraction(0)), (Fraction(1), Fraction(1))):
        with pytest.raises(BudgetError):
            gaussian_limit(epsilon, delta)
    with pytest.raises(BudgetError):
        epsilon_of_mu(1.0, 0.0)


def test_pure_releases_would_cost_more_from_the_gaussian_part():
    # reference: discrete Laplace at ε = 1 would cost μ² = 1.52, six times the whole ε = 2 budget of .25.
    assert mu_of_pure(1.0) ** 2 == pytest.approx(1.52, abs=0.005)
    assert mu_of_pure(0.0) == 0.0


GRID = DiscreteGaussian(sensitivity=1.0, grid=2**-16, coordinates=60, share_std=40 * 2.0**16, shares=3)
HISTORIES = {
    "nothing": [],
    "one": [(Gaussian(1.0, 2.0), 1)],
    "rounds": [(Gaussian(1.0, 50.0), 100)],
    "many kinds": [(Gaussian(1.0, 40.0), 60), (Gaussian(0.5, 30.0), 40), (GRID, 10)],
    "counts": [(DiscreteLaplace(1, 0.5), 1)],
    "answers": [(RandomisedResponse(1.0, 4), 2)],
    "mixed": [(Gaussian(1.0, 30.0), 100), (DiscreteLaplace(2, 0.25), 2), (RandomisedResponse(0.5, 2), 1)],
}


class AccountantContract:
    """What any accountant must do."""

    @pytest.fixture
    def accountant(self) -> Accountant:
        raise NotImplementedError

    slack: float

    @cases("sigma")
    def test_published_compositions(self, accountant, case):
        found = accountant.epsilon([(Gaussian(1.0, case["sigma"]), case["times"])], delta=case["delta"])
        assert found == pytest.approx(case["epsilon"], rel=case["rel"], abs=self.slack)

    @pytest.mark.parametrize("name", HISTORIES)
    @pytest.mark.parametrize("delta", [1e-5, 1e-8])
    def test_epsilon_and_delta_agree(self, accountant, name, delta):
        epsilon = accountant.epsilon(HISTORIES[name], delta=delta)
        assert accountant.delta(HISTORIES[name], epsilon=epsilon + 1e-9) <= delta * (1 + 1e-6)

    @pytest.mark.parametrize("name", HISTORIES)
    def test_more_releases_never_cost_less(self, accountant, name):
        once, twice = HISTORIES[name], HISTORIES[name] * 2
        assert accountant.epsilon(once, delta=1e-5) <= accountant.epsilon(twice, delta=1e-5) + 1e-12

    @pytest.mark.parametrize("name", HISTORIES)
    def test_never_below_the_best_single_bound(self, accountant, name):
        """A history contains each of its releases, so it cannot be cheaper than the dearest Gaussian part."""
        mu2 = sum(cost(mechanism, times).gaussian for mechanism, times in HISTORIES[name]) / UNITS_PER_ONE
        assert accountant.epsilon(HISTORIES[name], delta=1e-5) >= epsilon_of_mu(math.sqrt(mu2), 1e-5) - 1e-9

    def test_order_does_not_matter(self, accountant):
        history = HISTORIES["mixed"]
        assert accountant.epsilon(history, delta=1e-5) == pytest.approx(
            accountant.epsilon(history[::-1], delta=1e-5), rel=1e-9
        )

    def test_pure_releases_alone_keep_their_epsilon(self, accountant):
        assert accountant.epsilon(HISTORIES["counts"], delta=1e-12) == pytest.approx(0.5, abs=2 * self.slack + 1e-9)
        assert accountant.epsilon(HISTORIES["answers"], delta=1e-12) == pytest.approx(2.0, abs=2 * self.slack + 1e-9)

    def test_nothing_costs_nothing(self, accountant):
        assert accountant.epsilon([], delta=1e-5) == 0.0
        assert accountant.delta([], epsilon=0.0) == 0.0


class TestExactGdp(AccountantContract):
    slack = 1e-9

    @pytest.fixture
    def accountant(self):
        return ExactGdp()

    def test_delta_is_one_where_the_pure_part_alone_exceeds_epsilon(self, accountant):
        assert accountant.delta(HISTORIES["answers"], epsilon=1.9) == 1.0


@pytest.mark.parametrize("interval", [1e-3, 1e-4])
class TestPldCertificate(AccountantContract):
    slack = 1e-3

    @pytest.fixture
    def accountant(self, interval):
        return PldCertificate(interval)

    @pytest.mark.parametrize("name", HISTORIES)
    def test_the_certificate_exceeds_the_ledger_by_at_most_a_grid_step_per_pure_release(
        self, accountant, name, interval
    ):
        ledger = ExactGdp().epsilon(HISTORIES[name], delta=1e-5)
        pure = sum(times for mechanism, times in HISTORIES[name] if cost(mechanism).pure)
        assert accountant.epsilon(HISTORIES[name], delta=1e-5) <= ledger + interval * (1 + pure)

    @pytest.mark.parametrize("name", ["one", "rounds", "many kinds"])
    def test_gaussian_histories_agree_to_four_digits(self, accountant, name, interval):
        ledger = ExactGdp().epsilon(HISTORIES[name], delta=1e-5)
        assert accountant.epsilon(HISTORIES[name], delta=1e-5) == pytest.approx(ledger, rel=1e-4, abs=interval / 10)


@settings(max_examples=40, deadline=None)
@given(gaussian=st.integers(1, 10**13), pure=st.integers(0, 10**13))
def test_the_epsilon_of_a_cost_never_understates(gaussian, pure):
    epsilon = epsilon_of_cost(Cost(gaussian, pure), 1e-5)
    mu = mpmath.sqrt(mpmath.mpf(gaussian) / UNITS_PER_ONE)
    assert exact_delta(mu, epsilon - pure / UNITS_PER_ONE) <= 1e-5 * (1 + 1e-7)
