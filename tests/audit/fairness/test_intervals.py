"""Intervals agree with the published ones where there is no noise, widen with it, and keep their order always."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from audit.fairness.counts import discrete_laplace_variance
from audit.fairness.errors import ThresholdsError
from audit.fairness.intervals import (
    Rate,
    detectable_difference,
    difference,
    holm,
    ratio,
    two_sided_p,
    wilson,
    z_value,
)
from audit.fairness.metrics import auc_and_variance, auc_from_histogram

Z = z_value(0.05)


def rate(yes, total, cells=1, variance=0.0):
    return Rate(np.asarray(float(yes)), np.asarray(float(total - yes)), cells, cells, variance)


@pytest.mark.parametrize(("yes", "total"), [(81, 263), (15, 148), (0, 20), (1, 29), (29, 29)])
def test_without_noise_it_is_wilsons_interval(yes, total):
    # scipy's own implementation, which gives the figures of Newcombe 1998, table I.
    expected = binomtest(yes, total).proportion_ci(0.95, method="wilson")
    found = wilson(rate(yes, total), Z)
    assert (float(found.low), float(found.high)) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    # Newcombe 1998, "Interval estimation for the difference", table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
    ],
)
def test_without_noise_the_difference_is_newcombes(one, other, low, high):
    found = difference(rate(*one), rate(*other), Z)
    assert (round(float(found.low), 4), round(float(found.high), 4)) == (low, high)


def test_noise_widens_every_interval():
    quiet, loud = rate(60, 300), rate(60, 300, cells=5, variance=discrete_laplace_variance(1))
    other = rate(90, 300)
    for interval in (wilson, lambda r, z: difference(r, other, z), lambda r, z: ratio(r, other, z)):
        a, b = interval(quiet, Z), interval(loud, Z)
        assert float(b.low) < float(a.low) < float(a.high) < float(b.high)
        assert float(a.value) == float(b.value)


def test_the_variance_of_a_noised_rate_is_that_of_simulation():
    rng = np.random.default_rng(4)
    p, n, cells, epsilon = 0.3, 2000, 6, 0.5
    yes = rng.binomial(n, p, 40_000)
    q = 1 - np.exp(-epsilon)
    noise = rng.geometric(q, (2, cells, 40_000)) - rng.geometric(q, (2, cells, 40_000))
    noisy = Rate(yes + noise[0].sum(0), n - yes + noise[1].sum(0), cells, cells, discrete_laplace_variance(epsilon))
    assert noisy.value.var() == pytest.approx(float(noisy.variance.mean()), rel=0.03)


@given(
    st.tuples(*[st.integers(-10_000, 1_000_000)] * 4),
    st.floats(0, 1e3),
    st.integers(1, 60),
    st.floats(0.5, 6),
)
def test_no_counts_divide_by_zero_and_every_interval_holds_its_value(counts, variance, cells, z):
    one = Rate(np.asarray(float(counts[0])), np.asarray(float(counts[1])), cells, cells, variance)
    other = Rate(np.asarray(float(counts[2])), np.asarray(float(counts[3])), cells, cells, variance)
    for found, least, most in (
        (wilson(one, z), 0, 1),
        (difference(one, other, z), -1, 1),
        (ratio(one, other, z), 0, np.inf),
    ):
        assert least <= float(found.low) <= float(found.value) <= float(found.high) <= most
    assert 0 <= float(one.noise_share) <= 1


@pytest.mark.parametrize("epsilon", [0.25, 1.0])
def test_with_noise_intervals_cover_what_they_claim_and_those_without_do_not(epsilon):
    rng = np.random.default_rng(31)
    n, cells, draws, q = 800, 6, 20_000, 1 - np.exp(-epsilon)
    rates = []
    for p in (0.3, 0.36):
        yes = rng.binomial(n, p, draws)
        noise = (rng.geometric(q, (2, cells, draws)) - rng.geometric(q, (2, cells, draws))).sum(axis=1)
        counts = np.array([yes, n - yes], dtype=float) + noise
        rates.append(Rate(counts[0], counts[1], cells, cells, discrete_laplace_variance(epsilon)))
    for found, true in ((difference(*rates, Z), -0.06), (ratio(*rates, Z), 0.3 / 0.36)):
        covered = ((found.low <= true) & (true <= found.high)).mean()
        assert 0.94 < covered < 0.96
    bare = [Rate(rate.yes, rate.no, cells, cells, 0.0) for rate in rates]
    naive = difference(*bare, Z)
    assert ((naive.low <= -0.06) & (naive.high >= -0.06)).mean() < (0.90 if epsilon < 1 else 0.948)


def test_the_noise_in_a_rate_comes_from_the_cells_of_either_side():
    # p = .2, n = 1000: [(.8)^2 * 4 + (.2)^2 * 9] * 2 / 1000^2, and 13 cells under the number of members.
    one = Rate(np.asarray(200.0), np.asarray(800.0), 4, 9, 2.0)
    assert float(one.noise_part) == pytest.approx((0.64 * 4 + 0.04 * 9) * 2 / 1e6)
    assert float(one.members_low(1.5)) == pytest.approx(1000 - 1.5 * np.sqrt(26))


def test_a_rate_of_nobody_is_known_to_be_unknown():
    nobody = rate(0, 0)
    assert float(nobody.variance) == np.inf
    assert float(nobody.noise_share) == 1.0
    assert np.isinf(detectable_difference(nobody, nobody, alpha=0.05, tests=1, power=0.8))


def test_bonferroni_divides_alpha_by_the_tests():
    assert z_value(0.05, 8) == pytest.approx(NormalDist().inv_cdf(1 - 0.05 / 16))
    for wrong in ((0.0, 1), (1.0, 1), (0.05, 0)):
        with pytest.raises(ThresholdsError):
            z_value(*wrong)


def test_holm_steps_down():
    # .01*4, .02*3, .03*2 raised to .06, .04*1 raised to .06: the definition, worked by hand.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(raw):
    adjusted = holm(raw)
    assert np.all(adjusted >= np.asarray(raw) - 1e-15)
    order = np.argsort(raw, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0)


def test_a_p_value_is_two_sided():
    assert float(two_sided_p(np.asarray(1.959963984540054), np.asarray(1.0))) == pytest.approx(0.05)
    assert float(two_sided_p(np.asarray(0.0), np.asarray(0.0))) == 1.0
    assert float(two_sided_p(np.asarray(0.3), np.asarray(0.0))) == 0.0


def test_auc_of_a_histogram_is_that_of_its_bins():
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 3000)
    bins = np.clip((rng.normal(y * 0.9, 1) + 3) * 1.5, 0, 9.99).astype(int)
    ones, zeros = (np.bincount(bins[y == label], minlength=10) for label in (1, 0))
    assert float(auc_from_histogram(ones, zeros).value) == pytest.approx(roc_auc_score(y, bins), abs=1e-12)


def test_the_variance_of_an_auc_is_that_of_simulation():
    rng = np.random.default_rng(6)
    p1, p0 = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.4, 0.3, 0.2, 0.1])
    ones, zeros = rng.multinomial(150, p1, 20_000), rng.multinomial(350, p0, 20_000)
    q = 1 - np.exp(-1.0)
    noise = [rng.geometric(q, (20_000, 4)) - rng.geometric(q, (20_000, 4)) for _ in range(2)]
    value, variance = auc_and_variance(ones + noise[0], zeros + noise[1], discrete_laplace_variance(1.0))
    assert value.var() == pytest.approx(float(variance.mean()), rel=0.05)


def test_ranking_that_is_perfect_in_ten_members_is_not_certain():
    found = auc_from_histogram([0, 5], [5, 0])
    assert float(found.value) == float(found.high) == 1.0
    assert 0.2 < float(found.low) < 0.9


@pytest.mark.parametrize(
    ("ones", "zeros"), [([0, 0], [5, 5]), ([-3, 1], [5, 5]), ([4, 4], [0, -1]), ([-9, -9], [-9, -9])]
)
def test_an_auc_without_positives_or_negatives_says_nothing(ones, zeros):
    found = auc_from_histogram(ones, zeros, 1.84)
    assert (float(found.low), float(found.value), float(found.high)) == (0.0, 0.5, 1.0)


@given(st.lists(st.tuples(st.integers(-50, 500), st.integers(-50, 500)), min_size=2, max_size=8), st.floats(0, 100))
def test_no_histogram_makes_an_auc_leave_0_to_1(cells, variance):
    ones, zeros = zip(*cells, strict=True)
    found = auc_from_histogram(ones, zeros, variance)
    assert 0 <= float(found.low) <= float(found.value) <= float(found.high) <= 1
