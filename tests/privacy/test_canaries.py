"""Law: the attack rarely contradicts an honest run, comes close to the truth, and catches every planted fault."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from privacy.accounting import epsilon_of_mu, gdp_mu
from privacy.canaries import (
    CONFIDENCE,
    OVERSHOOT,
    _surprise,
    audit,
    contributions,
    epsilon_from_guesses,
    mu_lower_bound,
    scores,
    toss,
    with_canaries,
    without_canaries,
)
from privacy.clipping import MARGIN, clip_to_norm
from privacy.errors import AuditFailedError
from tests.privacy.seeded_noise import SeededNoise

DELTA = 1e-5


def attack(seed, epsilon, *, canaries=3000, std_factor=1.0, rounds_factor=1, sites=1, clip=None):
    noise, rounds = SeededNoise(seed), 10
    std = math.sqrt(rounds) / gdp_mu(epsilon, DELTA)
    coins = toss(canaries, noise=noise)
    added = contributions(coins, bound=1.0, clip=clip or (lambda vector: clip_to_norm(vector, bound=1.0)))
    observed = [
        sum(added + noise.gaussian(canaries, std * std_factor) for _ in range(sites))
        for _ in range(rounds * rounds_factor)
    ]
    return audit(observed, [1 / std**2] * len(observed), coins, claimed_epsilon=epsilon, delta=DELTA)


@pytest.mark.parametrize("epsilon", [1, 4, 8])
def test_honest_runs_are_rarely_contradicted_and_come_close(epsilon):
    found = [attack(seed, epsilon) for seed in range(20)]
    assert sum(one.mean_difference > epsilon for one in found) <= 5
    assert not any(one.guessing > epsilon for one in found)
    assert np.mean([one.mean_difference for one in found]) > epsilon / 2
    assert np.mean([one.guessing for one in found]) > epsilon / 6


@pytest.mark.parametrize(
    "fault",
    [{"std_factor": 0.5}, {"clip": lambda vector: vector}, {"rounds_factor": 2}, {"sites": 2}],
    ids=["noise halved", "clipping removed", "half of the account not charged", "a member at two sites"],
)
@pytest.mark.parametrize("epsilon", [2, 8])
def test_planted_faults_are_caught(fault, epsilon):
    assert sum(attack(seed, epsilon, **fault).flagged for seed in range(10)) >= 9


def test_the_bound_covers_the_truth_as_often_as_it_says():
    rng, mu, covered, runs = np.random.default_rng(1), 1.2, 0, 2000
    for _ in range(runs):
        coins = rng.random(400) < 0.5
        covered += mu_lower_bound(rng.normal(size=400) * 3 + 3 * mu * coins, coins) <= mu
    assert covered / runs == pytest.approx(CONFIDENCE, abs=4 * math.sqrt(0.05 * 0.95 / runs))


def test_the_noise_is_measured_and_not_believed():
    rng = np.random.default_rng(2)
    coins = rng.random(4000) < 0.5
    found = rng.normal(size=4000) + coins
    assert mu_lower_bound(found, coins) == pytest.approx(mu_lower_bound(found * 1000 + 7, coins))


def test_guessing_without_any_noise_shows_what_so_many_canaries_can():
    # reference: no DP -> 5.66 at 5,000 canaries.
    coins = np.random.default_rng(3).random(5000) < 0.5
    assert epsilon_from_guesses(coins.astype(float), coins, delta=DELTA) == pytest.approx(5.66, abs=0.6)


def test_guessing_blindly_shows_nothing():
    rng = np.random.default_rng(4)
    coins = rng.random(5000) < 0.5
    assert epsilon_from_guesses(rng.normal(size=5000), coins, delta=DELTA) < 0.3


@given(st.integers(1, 60), st.floats(0, 6), st.floats(0, 1e-3))
def test_surprise_is_the_binomial_tail_and_grows_with_epsilon_and_delta(guesses, epsilon, delta):
    """With δ = 0 it is P(Binomial(r, e^ε/(1+e^ε)) >= v), written out."""
    chance = math.exp(epsilon) / (1 + math.exp(epsilon))
    right = guesses * 3 // 4
    tail = sum(math.comb(guesses, k) * chance**k * (1 - chance) ** (guesses - k) for k in range(right, guesses + 1))
    assert _surprise(right, guesses, 100, epsilon, 0.0) == pytest.approx(tail, abs=1e-9)
    assert _surprise(right, guesses, 100, epsilon, delta) >= tail - 1e-9
    assert _surprise(right, guesses, 100, epsilon + 0.1, delta) >= _surprise(right, guesses, 100, epsilon, delta) - 1e-9


def test_a_canary_reaches_the_bound_and_no_further():
    coins = np.array([True, False] * 100)
    added = contributions(coins, bound=0.5, clip=lambda vector: clip_to_norm(vector, bound=0.5))
    assert added[0] == pytest.approx(0.5 * MARGIN)
    assert added[1] == 0.0
    raw = contributions(coins, bound=0.5, clip=lambda vector: vector)
    assert raw[0] == OVERSHOOT * 0.5


def test_canaries_are_cut_off_before_the_release_is_used():
    model, extra = without_canaries(with_canaries(np.arange(3.0), np.ones(4)), canaries=4)
    assert (model == np.arange(3.0)).all()
    assert (extra == 1).all()
    with pytest.raises(AuditFailedError):
        without_canaries(np.ones(4), canaries=4)


def test_releases_are_weighted_as_they_were_charged():
    assert (scores([np.ones(3), 2 * np.ones(3)], [1.0, 0.25]) == 1.5).all()


def test_a_noiseless_release_is_infinitely_bad():
    coins = np.array([True, False] * 100)
    found = audit([coins.astype(float)], [1.0], coins, claimed_epsilon=1.0, delta=DELTA)
    assert found.mean_difference == math.inf
    assert found.flagged
    assert "stop using the model" in " ".join(found.sentences)


def test_the_finding_says_what_it_does_not_show():
    text = " ".join(attack(0, 4).sentences)
    assert "no proof" in text
    assert "cannot see" in text


@pytest.mark.parametrize(
    "broken",
    [
        lambda: toss(99, noise=SeededNoise()),
        lambda: audit([], [], np.ones(200, dtype=bool), claimed_epsilon=1, delta=DELTA),
        lambda: audit([np.ones(200)], [1.0, 2.0], np.ones(200, dtype=bool), claimed_epsilon=1, delta=DELTA),
        lambda: audit([np.ones(200)], [1.0], np.ones(200, dtype=bool), claimed_epsilon=1, delta=DELTA),
        lambda: audit([np.ones(200)], [1.0], np.ones(201, dtype=bool), claimed_epsilon=1, delta=DELTA),
        lambda: audit([np.full(200, np.nan)], [1.0], np.ones(200, dtype=bool), claimed_epsilon=1, delta=DELTA),
        lambda: audit([np.ones(2), np.ones(3)], [1.0, 1.0], np.ones(2, dtype=bool), claimed_epsilon=1, delta=DELTA),
    ],
)
def test_what_cannot_be_audited_is_refused(broken):
    with pytest.raises(AuditFailedError):
        broken()


def test_an_audit_of_mu_is_an_audit_of_epsilon():
    found = attack(5, 4)
    assert found.mean_difference <= epsilon_of_mu(gdp_mu(4, DELTA) * 1.3, DELTA)
