"""A generated federation of 100,000 members, in which everything a model should find is known.

How a row comes about: each feature is drawn from a fixed public law, independently; the design columns (continuous
scaled to [-.5, .5], binary ±.5, categorical centred one-hot) times the true coefficients give the log-odds; the label
is one coin flip with that chance. Age band and gender are drawn independently of all of it, so an audit by them should
pass; one member in seven did not give them. One member in ten is at two sites: her second row is drawn afresh, for she
shops differently there. The seed of the rows is fixed: `seed` only says which site holds which row.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from consent_center.demo.federation import (
    Federation,
    Truth,
    check_sites,
    split_into_sites,
)
from federated.plan import Attribute, Feature

MEMBERS = 100_000
ROWS_SEED = 20260101
TWO_SITES_SHARE = 0.10
ATTRIBUTES_GIVEN = 6 / 7

CHANNELS = ("store", "online", "both")
_CHANNEL_SHARES = (0.55, 0.20, 0.25)
FEATURES = (
    Feature("recency_weeks", "continuous", 0, 12),
    Feature("visits_8w", "continuous", 0, 32),
    Feature("spend_8w", "continuous", 0, 1000),
    Feature("points_balance", "continuous", 0, 20_000),
    Feature("offers_used", "continuous", 0, 20),
    Feature("tenure_months", "continuous", 0, 120),
    Feature("has_app", "binary"),
    Feature("complained", "binary"),
    Feature("channel", "categorical", categories=CHANNELS),
)
# Two parameters of a Beta law on [lo, hi] for each continuous feature, the chance of a 1 for each binary one.
_BETA = {
    "recency_weeks": (1.2, 3.0),
    "visits_8w": (2.0, 4.0),
    "spend_8w": (2.0, 5.0),
    "points_balance": (1.0, 3.0),
    "offers_used": (1.0, 2.0),
    "tenure_months": (1.5, 1.5),
}
_CHANCE = {"has_app": 0.45, "complained": 0.12}
INTERCEPT = -1.9
COEFFICIENTS = {
    "recency_weeks": 4.0,
    "visits_8w": -4.0,
    "spend_8w": -1.5,
    "points_balance": 0.0,
    "offers_used": -1.0,
    "tenure_months": -1.0,
    "has_app": -0.5,
    "complained": 1.5,
    "channel=store": 0.3,
    "channel=online": 0.0,
    "channel=both": -0.3,
}
AGE_BAND = Attribute("age_band", ("18-34", "35-54", "55+"))
GENDER = Attribute("gender", ("female", "male"))


def load(*, sites: int = 4, seed: int = 0, members: int = MEMBERS) -> Federation:
    """Generate the members and spread them evenly over the sites.

    Args:
        sites: how many sites, 3 to 12; the last one is the partner brand.
        seed: governs which site holds which row and the sites' customer numbers.
        members: how many people, at least 1.

    Raises:
        SitesOutOfRangeError: outside 3..12.
    """
    check_sites(sites)
    person = _people(members)
    rows, risk = _rows(person, np.random.default_rng(ROWS_SEED))
    placing = np.random.default_rng(seed)
    first = placing.integers(sites, size=members)
    other = (first + placing.integers(1, sites, size=members)) % sites
    site_of_row = np.where(np.arange(len(person)) < members, first[person], other[person])
    return Federation(
        name="synthetic",
        source=f"generated: {members:,} members by a documented law with a fixed seed",
        label="no visit to the site in the next 56 days",
        horizon_days=56,
        delta=min(1e-6, 1 / (10 * members)),
        features=FEATURES,
        attributes=(AGE_BAND, GENDER),
        sites=split_into_sites(
            rows,
            site_of_row,
            department="site",
            sites=sites,
            features=FEATURES,
            attributes=(AGE_BAND, GENDER),
            rng=placing,
        ),
        truth=Truth(INTERCEPT, COEFFICIENTS, auc_of_risk(risk)),
    )


def auc_of_risk(risk: np.ndarray) -> float:
    """Compute the area under the ROC curve that the true risk itself reaches.

    Two members are drawn from `risk`; given that one churned and the other did not, how likely did the churner have the
    larger risk? No score can expect more.

    Args:
        risk: shape (rows,), chances in (0, 1).

    Returns:
        In [.5, 1]; equal risks count half.
    """
    values, where = np.unique(risk, return_inverse=True)
    churned = np.bincount(where, weights=risk, minlength=len(values))
    stayed = np.bincount(where, weights=1 - risk, minlength=len(values))
    stayed_below = np.cumsum(stayed) - stayed / 2
    return float(churned @ stayed_below / (churned.sum() * stayed.sum()))


def _people(members: int) -> np.ndarray:
    """Whose row is it? First everybody's first row, then the second rows of those who are at two sites."""
    everybody = np.arange(members)
    return np.concatenate([everybody, everybody[: round(members * TWO_SITES_SHARE)]])


def _rows(person: np.ndarray, rng: np.random.Generator) -> tuple[pa.Table, np.ndarray]:
    n, members = len(person), int(person.max()) + 1
    logit = np.full(n, INTERCEPT)
    columns: dict[str, object] = {}
    for feature in FEATURES:
        if feature.kind == "continuous":
            unit = rng.beta(*_BETA[feature.name], size=n)
            columns[feature.name] = feature.lo + unit * (feature.hi - feature.lo)
            logit += COEFFICIENTS[feature.name] * (unit - 0.5)
        elif feature.kind == "binary":
            flag = rng.random(n) < _CHANCE[feature.name]
            columns[feature.name] = flag.astype(np.int8)
            logit += COEFFICIENTS[feature.name] * (flag - 0.5)
        else:
            drawn = rng.choice(len(CHANNELS), size=n, p=_CHANNEL_SHARES)
            weights = np.array([COEFFICIENTS[f"{feature.name}={category}"] for category in CHANNELS])
            columns[feature.name] = _named(drawn, CHANNELS)
            logit += (weights - weights.mean())[drawn]
    risk = 1 / (1 + np.exp(-logit))
    columns["label"] = (rng.random(n) < risk).astype(np.int8)
    age = rng.choice(len(AGE_BAND.groups), size=members, p=(0.30, 0.45, 0.25))
    gender = rng.choice(len(GENDER.groups), size=members, p=(0.52, 0.48))
    not_given = rng.random(members) >= ATTRIBUTES_GIVEN
    columns["age_band"] = _named(np.where(not_given, -1, age)[person], AGE_BAND.groups)
    columns["gender"] = _named(np.where(not_given, -1, gender)[person], GENDER.groups)
    columns["person"] = [f"person-{number:06d}" for number in person.tolist()]
    return pa.table(columns), risk


def _named(codes: np.ndarray, names: tuple[str, ...]) -> pa.Array:
    """Turn codes into names; a negative code is null."""
    return pa.array(names).take(pa.array(codes, mask=codes < 0))
