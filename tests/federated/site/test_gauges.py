"""Law: a gauge is a public definition over a member's own rows and public facts: known answers by hand, nobody else's
rows change her number, and who has no rows has no number."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from federated.errors import RefusedError
from federated.models import measures
from federated.site.engines import folder_source
from federated.site.features import group_codes
from federated.site.gauges import GAUGES
from federated.site.source import DuckDbSource

ANN, BEA, CID, OUT = (bytes([number]) * 16 for number in (1, 2, 3, 4))
MEMBERS = (ANN, BEA, CID)
ROWS = {
    "members": ("pseudonym", [(one.hex(),) for one in (ANN, BEA, CID, OUT)]),
    # Ann pays the card price of her store, twice what it is elsewhere; Bea a tenth more than that; Cid buys little.
    "lines": (
        "pseudonym, product, week, store, units, paid",
        [(ANN.hex(), "tea", 1, "s1", 2, 4.0)] * 10
        + [(ANN.hex(), "cod", 3, "s1", 1, 9.0)]
        + [(BEA.hex(), "tea", 1, "s1", 1, 2.2)] * 10
        + [(CID.hex(), "tea", 1, "s1", 1, 2.0)] * 9
        + [(OUT.hex(), "tea", 1, "s1", 1, 900.0)] * 50,
    ),
    "prices": ("product, week, store, shelf, card", [("tea", 1, "s1", 2.5, 2.0), ("tea", 1, "s2", 2.5, 1.0)]),
    "offers": ("pseudonym, redeemed", [(ANN.hex(), 0), (ANN.hex(), 1), (BEA.hex(), 0), (OUT.hex(), 1)]),
    "lists": (
        "pseudonym, week, place, product",
        [
            *((ANN.hex(), 1, 1, "tea"), (ANN.hex(), 1, 2, "cod"), (ANN.hex(), 3, 2, "rye"), (ANN.hex(), 3, 1, "tea")),
            *((BEA.hex(), 1, 1, "cod"), (BEA.hex(), 1, 2, "unheard of")),
        ],
    ),
    "catalogue": (
        "product, shelf, own, known",
        [("tea", "drinks", 0, 0.5), ("cod", "fish", 0, 0.25), ("rye", "drinks", 1, 0.125)],
    ),
}


def write(folder: Path, rows: dict = ROWS, *, parquet: bool = False) -> Path:
    path = folder / "data.duckdb"
    with duckdb.connect(str(path)) as database:
        for name, (columns, values) in rows.items():
            told = ", ".join(str(value) for value in values)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM (VALUES {told.replace(',)', ')')}) AS t({columns})")
            if parquet:
                database.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet)")
    return path


def numbers(source, *names: str) -> dict:
    rows = source.read(MEMBERS, names)
    at = {who: place for place, who in enumerate(rows.pseudonyms)}
    return {name: [rows.columns[name][at[who]] for who in MEMBERS] for name in names}


def test_what_a_member_paid_is_held_against_the_price_list(tmp_path: Path) -> None:
    found = numbers(DuckDbSource(write(tmp_path)), "price_week", "price_store", "price_shelf", "spend_total")
    # The week's card price is the median over stores, 1.5; the store's is 2, the shelf's 2.5. Nine lines are too few.
    assert found["price_week"] == pytest.approx([np.log(2 / 1.5), np.log(2.2 / 1.5), np.nan], nan_ok=True)
    assert found["price_store"] == pytest.approx([0.0, np.log(1.1), np.nan], nan_ok=True)
    assert found["price_shelf"] == pytest.approx([np.log(0.8), np.log(0.88), np.nan], nan_ok=True)
    assert found["spend_total"] == pytest.approx([49.0, 22.0, 18.0])


def test_offers_reach_and_are_redeemed(tmp_path: Path) -> None:
    found = numbers(DuckDbSource(write(tmp_path)), "offer_reached", "offer_redeemed")
    assert found["offer_reached"] == [1.0, 1.0, 0.0]
    assert found["offer_redeemed"] == pytest.approx([1.0, 0.0, np.nan], nan_ok=True)


def test_lists_are_what_the_library_says_of_them(tmp_path: Path) -> None:
    found = numbers(DuckDbSource(write(tmp_path)), *measures.GAUGES["lists"])
    # Ann's newest list is tea, rye: one shelf. Bea's known list is one product. Cid was shown nothing.
    assert found["list_diversity"] == pytest.approx([0.0, np.nan, np.nan], nan_ok=True)
    assert found["list_novelty"] == pytest.approx([(1 + 3) / 2, 2.0, np.nan], nan_ok=True)
    own = (10 * 0.5 + 0.25) / 11
    assert found["list_lift"] == pytest.approx([(0.3125 - own) / own, (0.25 - 0.5) / 0.5, np.nan], nan_ok=True)
    second = 1 / np.log2(3)
    assert found["list_own"] == pytest.approx([second / (1 + second), 0.0, np.nan], nan_ok=True)
    drinks, mixed = 10 / 11, 0.99 * 1 + 0.01 * 10 / 11
    told = drinks * np.log(drinks / mixed) + (1 - drinks) * np.log((1 - drinks) / (0.01 * (1 - drinks)))
    assert found["list_calibration"][0] == pytest.approx(told)
    # Her lists went from two shelves to one; she from drinks alone (1 kind) to fish alone (1 kind).
    assert found["list_narrowing"][0] == pytest.approx(-np.log(2))
    assert np.isnan(found["list_narrowing"][1])


def test_a_member_stands_for_one_shelf_of_her_own_list_and_always_the_same(tmp_path: Path) -> None:
    source = DuckDbSource(write(tmp_path))
    first, again = (numbers(source, "list_shelf")["list_shelf"] for _ in range(2))
    assert first == again == ["drinks", "fish", None]


@pytest.mark.parametrize("name", [one for one in GAUGES if one != "list_shelf"])
def test_nobody_elses_rows_change_a_members_number(tmp_path: Path, name: str) -> None:
    (tmp_path / "less").mkdir()
    less = {
        table: (columns, [row for row in rows if row[0] not in (OUT.hex(), BEA.hex()) or table == "members"])
        for table, (columns, rows) in ROWS.items()
    }
    before, after = (
        numbers(DuckDbSource(write(folder, rows)), name)[name][0]
        for folder, rows in ((tmp_path, ROWS), (tmp_path / "less", less))
    )
    assert before == pytest.approx(after)


def test_every_engine_works_them_out_alike(tmp_path: Path) -> None:
    path = write(tmp_path, parquet=True)
    names = ("price_store", "spend_total", "offer_reached", "list_novelty", "list_shelf")
    plain, parquet = (numbers(one, *names) for one in (DuckDbSource(path), folder_source(tmp_path, kind="parquet")))
    for name in set(names) - {"list_shelf"}:
        assert plain[name] == pytest.approx(parquet[name], nan_ok=True), name
    assert plain["list_shelf"] == parquet["list_shelf"]


def test_a_site_without_the_table_refuses_and_says_no_data(tmp_path: Path) -> None:
    source = DuckDbSource(write(tmp_path, {"members": ROWS["members"]}))
    with pytest.raises(RefusedError) as refused:
        source.read(MEMBERS, ["price_store"])
    assert refused.value.code == "data-unreadable"


def test_every_gauge_of_a_plan_can_be_worked_out() -> None:
    assert {name for names in measures.GAUGES.values() for name in names} | {"spend_total"} == {*GAUGES}


def test_numbers_belong_to_the_band_they_lie_in() -> None:
    column = np.array([0.0, 499.5, 500.0, 999.9, 1000.0, -1.0, np.nan])
    assert group_codes(column, ("0-499", "500-999", "1000+")).tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert group_codes(column, ("low", "high")).tolist() == [2] * 7
