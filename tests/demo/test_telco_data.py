"""Telco: 7,043 subscribers, sites that differ by contract, and audited attributes that no model reads.

Known answers from the published data set: 1,869 churners, 1,142 seniors, 3,488 women, 11 not yet charged.
"""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from consent_center.demo import telco
from consent_center.demo.federation import Federation


@cache
def four_sites() -> Federation:
    return telco.load()


@cache
def everybody() -> pa.Table:
    return pa.concat_tables([site.rows for site in four_sites().sites])


def count(column: str, value: object) -> int:
    return int(pc.sum(pc.equal(everybody()[column], value)).as_py())


def test_the_published_totals_come_back() -> None:
    assert everybody().num_rows == four_sites().members == 7043
    assert count("label", 1) == 1869
    assert count("senior", "65 or over") == 1142
    assert count("gender", "female") == 3488
    assert count("total_charges", 0.0) == count("tenure_months", 0.0) == 11
    assert count("multiple_lines", 1) == 2971
    assert count("online_security", 1) == 2019


def test_no_model_reads_an_audited_attribute() -> None:
    read = {feature.name for feature in four_sites().features}
    assert not read & {"gender", "female", "senior", "senior_citizen"}


def test_tenure_bands_hold_the_months_they_name() -> None:
    bands = everybody().group_by("tenure_band").aggregate([("tenure_months", "min"), ("tenure_months", "max")])
    spans = {row["tenure_band"]: (row["tenure_months_min"], row["tenure_months_max"]) for row in bands.to_pylist()}
    assert spans == {
        "0-6": (0, 6), "7-12": (7, 12), "13-24": (13, 24), "25-36": (25, 36), "37-48": (37, 48), "49-60": (49, 60),
        "61+": (61, 72),
    }  # fmt: skip


@pytest.mark.parametrize("sites", [3, 4, 7])
def test_half_of_each_contract_is_at_home_and_the_rest_anywhere(sites: int) -> None:
    contracts = np.repeat(telco.CONTRACTS, 20_000)
    placed = telco.site_by_contract(contracts, sites=sites, rng=np.random.default_rng(3))
    for kind, contract in enumerate(telco.CONTRACTS):
        share = np.bincount(placed[contracts == contract], minlength=sites) / 20_000
        homes = len(range(kind, sites, 3))
        expected = [0.5 / sites + (0.5 / homes if site % 3 == kind else 0) for site in range(sites)]
        assert share == pytest.approx(expected, abs=0.02)


def test_sites_differ_in_how_many_churn() -> None:
    rates = [site.rows["label"].to_numpy().mean() for site in four_sites().sites]
    assert max(rates) > 1.5 * min(rates)
