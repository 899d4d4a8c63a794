"""Law: noise has exactly the law that its price assumes, comes from the operating system, and never repeats.

Statistical tests on unseeded noise alarm falsely less than once in 10**9 (`FALSE_ALARM`); each of them is shown a
planted defect that it must catch with the same numbers.
"""

import ast
import copy
import math
import os
import pickle
import threading
from fractions import Fraction
from pathlib import Path

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri

from privacy.errors import MechanismError, NotFiniteError
from privacy.noise import SecureNoise, add_gaussian
from privacy.samplers import Sampler, _response_table
from tests.privacy.seeded_noise import ScriptedNoise, SeededNoise

FALSE_ALARM = 1e-9
DRAWS = 600_000


def gaussian_faults(values: np.ndarray, std: float) -> list[str]:
    """Which of the claims about independent N(0, std²) values fail at 1e-9 in all."""
    z, n, each = values / std, values.size, FALSE_ALARM / 6
    edges = ndtri(np.arange(1, 256) / 256)
    counts = np.bincount(np.searchsorted(edges, z), minlength=256)
    far = float(ndtr(-4.0))
    tests = {
        "shape": stats.chisquare(counts).pvalue,
        "mean": 2 * ndtr(-abs(z.sum()) / math.sqrt(n)),
        "variance": 2 * min(stats.chi2.cdf((z * z).sum(), n), stats.chi2.sf((z * z).sum(), n)),
        "neighbours": 2 * ndtr(-abs((z[1:] * z[:-1]).sum()) / math.sqrt(n - 1)),
        "tails": stats.binomtest(int((np.abs(z) > 4).sum()), n, 2 * far).pvalue,
        "repeats": 1.0 if np.unique(values).size >= n - 2 else 0.0,
    }
    return [name for name, p in tests.items() if p < each]


def discrete_faults(values: np.ndarray, mass: dict[int, float]) -> list[str]:
    """Which of the claims about independent integers with these probabilities fail at 1e-9 in all."""
    n = values.size
    kept = [k for k, p in mass.items() if p * n >= 20]
    counts = [int((values == k).sum()) for k in kept]
    expected = [mass[k] * n for k in kept]
    rest = max(n - sum(expected), 1e-9)
    tests = {
        "shape": stats.chisquare([*counts, n - sum(counts)], [*expected, rest]).pvalue
        if rest > 5
        else stats.chisquare(counts, np.array(expected) * sum(counts) / sum(expected)).pvalue,
        "sign": stats.binomtest(int((values > 0).sum()), int((values != 0).sum())).pvalue,
        "neighbours": 2 * ndtr(-abs(np.corrcoef(values[1:], values[:-1])[0, 1]) * math.sqrt(n - 1)),
    }
    return [name for name, p in tests.items() if p < FALSE_ALARM / 3]


def laplace_mass(rate: float) -> dict[int, float]:
    last = int(40 / rate)
    return {k: math.tanh(rate / 2) * math.exp(-rate * abs(k)) for k in range(-last, last + 1)}


def gaussian_mass(std: float) -> dict[int, float]:
    last = int(10 * std) + 3
    weights = {k: math.exp(-(k**2) / (2 * std**2)) for k in range(-last, last + 1)}
    total = math.fsum(weights.values())
    return {k: weight / total for k, weight in weights.items()}


# Continuous Gaussian


def test_gaussian_noise_is_gaussian():
    assert gaussian_faults(SecureNoise().gaussian(DRAWS, 2.5), 2.5) == []


PLANTED = {
    "half of the variance": lambda z: z * math.sqrt(0.5),
    "one percent too little": lambda z: z * 0.99,
    "a shifted mean": lambda z: z + 0.02,
    "tails cut at 4": lambda z: np.clip(z, -4, 4),
    "laplace instead": lambda z: np.sign(z) * stats.expon.ppf(2 * ndtr(np.abs(z)) - 1) / math.sqrt(2),
    "every draw used twice": lambda z: np.repeat(z[::2], 2),
    "the same block again": lambda z: np.tile(z[: z.size // 2], 2),
    "a sum of four uniforms": lambda z: (ndtr(z).reshape(4, -1).sum(axis=0) - 2) * math.sqrt(3),
    "neighbours leaning on each other": lambda z: np.append(z[:1], 0.999 * z[1:] + math.sqrt(1 - 0.999**2) * z[:-1]),
}


@pytest.mark.parametrize("defect", PLANTED)
def test_a_planted_defect_of_gaussian_noise_is_caught(defect):
    assert gaussian_faults(PLANTED[defect](SeededNoise(7).gaussian(DRAWS, 1.0)), 1.0) != []


def test_the_largest_and_smallest_words_are_finite_and_symmetric():
    low, high = ScriptedNoise([0, 1]).gaussian(2, 1.0)
    assert low == -high
    assert 9.0 < abs(low) < 9.3
    assert np.isfinite(ScriptedNoise([2**64 - 1, 2**64 - 2]).gaussian(2, 1.0)).all()


def test_possible_values_are_denser_than_the_release_grid_where_they_matter():
    """The spacing at z is 2**-64/φ(z): below 2**-21, the finest grid, out to 7.5."""
    word = int(float(ndtr(-7.5)) * 2**64) << 1
    spaced = ScriptedNoise([word, word + 2]).gaussian(2, 1.0)
    assert 0 < abs(spaced[1] - spaced[0]) < 2.0**-21


def test_a_release_lands_on_the_public_grid_whatever_was_added():
    for std in (0.3, 1.0, 700.0):
        grid = 2.0 ** (math.floor(math.log2(std)) - 20)
        released = add_gaussian([1 / 3, math.pi, -1e-17, 0.0], std=std, noise=SecureNoise())
        assert (released / grid == np.rint(released / grid)).all()


def test_a_release_is_gaussian_around_its_value():
    released = add_gaussian(np.full(DRAWS, 1 / 3), std=1.5, noise=SecureNoise())
    faults = gaussian_faults(released - 1 / 3, 1.5)
    assert set(faults) <= {"repeats"}  # the grid makes some of a million values meet, as it should


def test_a_release_of_values_that_are_not_finite_is_refused():
    with pytest.raises(NotFiniteError) as refused:
        add_gaussian([1.0, math.nan, math.inf], std=1.0, noise=SecureNoise())
    assert refused.value.count == 2


# Discrete noise


@pytest.mark.parametrize("std", [0.4, 1.0, 3.7, 30.0])
def test_discrete_gaussian_noise_follows_its_mass(std):
    assert discrete_faults(SecureNoise().discrete_gaussian(DRAWS, std), gaussian_mass(std)) == []


@pytest.mark.parametrize(("epsilon", "sensitivity"), [(1.0, 1), (0.25, 1), (3.0, 2), (0.1, 1)])
def test_discrete_laplace_noise_follows_its_mass(epsilon, sensitivity):
    values = SecureNoise().discrete_laplace(DRAWS, epsilon=epsilon, sensitivity=sensitivity)
    assert discrete_faults(values, laplace_mass(epsilon / sensitivity)) == []


@pytest.mark.parametrize("parties", [1, 2, 3, 5])
def test_shares_of_all_parties_add_up_to_discrete_laplace(parties):
    shares = [SecureNoise().negative_binomial_share(DRAWS, epsilon=0.8, parties=parties) for _ in range(parties)]
    assert discrete_faults(np.sum(shares, axis=0), laplace_mass(0.8)) == []


def test_discrete_laplace_has_the_published_variance():
    # reference: 2e^-ε/(1-e^-ε)² = 1.84 at ε = 1; the fourth moment bounds the error at 1e-9.
    values = SecureNoise().discrete_laplace(DRAWS, epsilon=1.0)
    assert values.var() == pytest.approx(1.84, abs=0.05)


@pytest.mark.parametrize(
    ("defect", "values"),
    [
        ("zero counted twice", lambda noise: np.where(noise.discrete_laplace(DRAWS, epsilon=1.0) == 1, 0, 0)
         + np.sign(noise.discrete_gaussian(DRAWS, 2.0)) * noise._geometric(DRAWS, Fraction(1))),
        ("twice the epsilon", lambda noise: noise.discrete_laplace(DRAWS, epsilon=2.0)),
        ("one percent more epsilon", lambda noise: noise.discrete_laplace(DRAWS, epsilon=1.01)),
        ("only one side", lambda noise: np.abs(noise.discrete_laplace(DRAWS, epsilon=1.0))),
        ("a share missing", lambda noise: noise.negative_binomial_share(DRAWS, epsilon=1.0, parties=3)
         + noise.negative_binomial_share(DRAWS, epsilon=1.0, parties=3)),
        ("continuous and rounded", lambda noise: np.rint(noise.gaussian(DRAWS, math.sqrt(1.84))).astype(int)),
        ("reused", lambda noise: np.repeat(noise.discrete_laplace(DRAWS // 2, epsilon=1.0), 2)),
    ],
)  # fmt: skip
def test_a_planted_defect_of_discrete_noise_is_caught(defect, values):
    assert discrete_faults(values(SeededNoise(3)), laplace_mass(1.0)) != []


@pytest.mark.parametrize("scale", [0.99, 1.01])
def test_a_discrete_gaussian_of_another_width_is_caught(scale):
    assert discrete_faults(SeededNoise(3).discrete_gaussian(DRAWS, 4.0 * scale), gaussian_mass(4.0)) != []


@pytest.mark.parametrize(("epsilon", "options"), [(0.5, 2), (1.0, 4), (3.0, 7)])
def test_randomised_response_keeps_the_truth_as_often_as_it_says(epsilon, options):
    told = SecureNoise().randomised_response(np.full(DRAWS, 1), epsilon=epsilon, options=options)
    truth = math.exp(epsilon) / (math.exp(epsilon) + options - 1)
    other = (1 - truth) / (options - 1)
    counts = np.bincount(told, minlength=options)
    assert counts.size == options
    expected = [DRAWS * (truth if k == 1 else other) for k in range(options)]
    assert stats.chisquare(counts, expected).pvalue > FALSE_ALARM
    assert stats.chisquare(counts, np.roll(expected, 1)).pvalue < FALSE_ALARM


# Exactness: the doubtful words


def exact_geometric(word: int, rate: Fraction) -> set[int]:
    """The outcomes that a uniform number starting with these 64 bits can mean."""
    with mpmath.workdps(80):
        ends = [mpmath.mpf(max(word + end, mpmath.mpf(1) / 2**400)) / 2**64 for end in (0, 1)]
        high, low = (int(mpmath.floor(-mpmath.log(end) * rate.denominator / rate.numerator)) for end in ends)
    return {*range(low, min(high, low + 3) + 1)}


@given(
    k=st.integers(0, 60),
    offset=st.integers(-3, 3),
    rate=st.sampled_from([Fraction(1), Fraction(1, 7), Fraction(1, 2**30), Fraction(3, 10), Fraction(5)]),
)
def test_words_at_a_boundary_are_decided_exactly(k, offset, rate):
    with mpmath.workdps(60):
        boundary = int(mpmath.exp(-mpmath.mpf(k) * rate.numerator / rate.denominator) * 2**64)
    word = min(max(boundary + offset, 0), 2**64 - 1)
    found = int(ScriptedNoise([word])._geometric(1, rate)[0])
    if word:
        assert found in exact_geometric(word, rate)
    else:
        assert found >= int(44 / rate)


def test_a_word_that_straddles_a_boundary_is_decided_by_more_bits():
    with mpmath.workdps(60):
        word = int(mpmath.exp(-1) * 2**64)
        fraction = float(mpmath.exp(-1) * 2**64 - word)
    bits = [0, 2**64 - 1]
    found = [int(ScriptedNoise([word, more])._geometric(1, Fraction(1))[0]) for more in bits]
    assert 0 < fraction < 1
    assert found == [1, 0]


def test_a_threshold_word_of_a_table_is_decided_by_more_bits():
    tops, thresholds = _response_table(Fraction(1), 4)
    found = [ScriptedNoise([int(tops[0]), more])._inverse(1, (tops, thresholds))[0] for more in (0, 2**64 - 1)]
    assert 0 < thresholds[0] >> 128 & (2**64 - 1) < 2**64 - 1
    assert found == [0, 1]


# The source


def test_it_takes_no_seed_and_cannot_be_copied_or_saved():
    with pytest.raises(TypeError):
        SecureNoise(7)
    for duplicate in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="same noise"):
            duplicate(SecureNoise())


def test_two_sources_and_two_draws_differ():
    one, other = SecureNoise(), SecureNoise()
    draws = [source.gaussian(16, 1.0).tobytes() for source in (one, one, other)]
    assert len({*draws}) == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_draws_other_noise():
    source = SecureNoise()
    source.gaussian(4, 1.0)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, source.gaussian(4, 1.0).tobytes())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    theirs = os.read(reader, 64)
    os.close(reader)
    assert theirs != source.gaussian(4, 1.0).tobytes()


def test_fresh_entropy_after_64_mebibytes():
    source = SecureNoise()
    source._words(1)
    first = source._stream
    source._left = 7
    source._words(1)
    assert source._stream is not first


def test_threads_never_draw_the_same_noise():
    source, found = SecureNoise(), []
    threads = [threading.Thread(target=lambda: found.append(source._words(50_000).copy())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert np.unique(np.concatenate(found)).size == 200_000


def test_the_product_has_one_sampler_and_no_seed():
    samplers, seeds = [], []
    for package in ("privacy", "federated", "consent_center", "audit"):
        for path in sorted(Path(package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                match node:
                    case ast.ClassDef(name=name, bases=bases) if any("Sampler" in ast.unparse(base) for base in bases):
                        samplers.append((str(path), name))
                    case ast.Call(func=ast.Attribute(attr="default_rng" | "seed" | "manual_seed")) if (
                        package == "privacy"
                    ):
                        seeds.append(str(path))
                    case _:
                        pass
    assert samplers == [("privacy/noise.py", "SecureNoise")]
    assert seeds == []
    assert Sampler.__abstractmethods__ == {"_words"}


@pytest.mark.parametrize(
    "draw",
    [
        lambda noise: noise.gaussian(1, 0.0),
        lambda noise: noise.gaussian(1, math.inf),
        lambda noise: noise.gaussian(1, -1.0),
        lambda noise: noise.discrete_gaussian(1, math.nan),
        lambda noise: noise.discrete_gaussian(1, 2.0**41),
        lambda noise: noise.discrete_laplace(1, epsilon=0.0),
        lambda noise: noise.discrete_laplace(1, epsilon=1.0, sensitivity=0),
        lambda noise: noise.discrete_laplace(1, epsilon=True),
        lambda noise: noise.negative_binomial_share(1, epsilon=1.0, parties=0),
        lambda noise: noise.negative_binomial_share(1, epsilon=1e-9, parties=2),
        lambda noise: noise.randomised_response(np.array([2]), epsilon=1.0, options=2),
        lambda noise: noise.randomised_response(np.array([0]), epsilon=1.0, options=1),
        lambda noise: add_gaussian([0.0], std=0.0, noise=noise),
    ],
)
def test_noise_that_would_hide_nothing_is_refused(draw):
    with pytest.raises(MechanismError):
        draw(SecureNoise())


def test_shapes_are_kept_and_nothing_is_drawn_for_nothing():
    noise = SecureNoise()
    assert noise.gaussian((2, 3), 1.0).shape == (2, 3)
    assert noise.discrete_gaussian((2, 3), 1.0).shape == (2, 3)
    assert noise.negative_binomial_share((2, 3), epsilon=1.0, parties=2).shape == (2, 3)
    assert noise.discrete_laplace(0, epsilon=1.0).size == 0
