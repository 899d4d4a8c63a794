"""Law: what is said about privacy follows from what ran, and every rounding is against us."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from privacy.accounting import mu_of_pure
from privacy.errors import MechanismError
from privacy.ledger import Budget
from privacy.quantities import UNITS_PER_ONE, Cost
from privacy.statement import NoiseMode, best_guess, claim, up

BUDGET = Budget.create(epsilon=4, delta=1e-5, epsilon_pure=0.5, members=7043)
SPENT = Cost(gaussian=UNITS_PER_ONE // 4, pure=UNITS_PER_ONE // 10)


@given(st.floats(1e-9, 1e9), st.integers(1, 6))
def test_printed_numbers_are_never_better_than_the_truth(number, digits):
    printed = float(up(number, digits))
    assert printed >= number
    assert printed <= number * (1 + 10 ** (1 - digits)) * (1 + 1e-12)


def test_a_claim_carries_its_exact_numbers():
    made = claim([SPENT, SPENT], budget=BUDGET, noise=NoiseMode.LOCAL, sites=4)
    assert made.mu == pytest.approx(math.sqrt(0.5))
    assert made.epsilon_pure == pytest.approx(0.2)
    assert made.delta == 1e-5
    assert made.programme_epsilon == 4
    assert f"ε = {up(made.epsilon, 3)}" in made.sentences[0]
    assert "δ = 0.00001." in made.sentences[0]


def test_a_claim_says_whom_it_protects_from_whom():
    local = claim([SPENT], budget=BUDGET, noise=NoiseMode.LOCAL, sites=4)
    shared = claim([SPENT], budget=BUDGET, noise=NoiseMode.SECURE_SUM, sites=4, colluders=1, dropouts=1)
    assert any("malicious" in party for party in local.protected_from)
    assert not any("malicious" in party for party in shared.protected_from)
    assert any("at most 1 of 4" in party for party in shared.protected_from)
    for made in (local, shared):
        assert any("site that holds her rows" in fact for fact in made.not_protected_from)
        assert any("consented" in fact for fact in made.not_protected_from)
        assert made.unit == "one member: all her rows at all sites"


@pytest.mark.parametrize("mode", NoiseMode)
def test_no_claim_uses_a_word_that_promises_too_much(mode):
    text = " ".join(claim([SPENT], budget=BUDGET, noise=mode, sites=4).sentences).lower()
    for word in ("anonym", "safe", "guarantee", "unlearn", "fully", "impossible"):
        assert word not in text


def test_a_model_without_a_charge_has_no_claim():
    with pytest.raises(MechanismError, match="nothing was charged"):
        claim([], budget=BUDGET, noise=NoiseMode.LOCAL, sites=1)


def test_known_best_guesses():
    assert best_guess(Cost.zero()) == 50
    assert best_guess(Cost(gaussian=UNITS_PER_ONE, pure=0)) == 70  # Φ(1/2) = .6915
    assert best_guess(Cost(gaussian=0, pure=UNITS_PER_ONE)) == 74  # e/(1+e) = .7311
    assert best_guess(Cost(gaussian=400 * UNITS_PER_ONE, pure=0)) == 100


@given(st.integers(0, 10**13), st.integers(0, 10**12))
def test_a_best_guess_is_rounded_up_and_covers_both_kinds(gaussian, pure):
    cost = Cost(gaussian, pure)
    guess = best_guess(cost)
    truth = 100 * float(ndtr(math.hypot(cost.mu, mu_of_pure(cost.epsilon_pure)) / 2))
    assert truth - 1e-6 <= guess <= min(100, truth + 1)
    assert guess >= 100 * ndtr(cost.mu / 2) - 1e-6
    assert guess >= 100 / (1 + math.exp(-cost.epsilon_pure)) - 1e-6
