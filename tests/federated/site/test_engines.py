"""Laws: whatever holds a site's rows, it gives the same rows and the same declared columns; and nothing outside them.

Declared columns are what plain Python says they are, in their public range, and read nothing from the cut-off on. The
same expressions compile for engines that are not here: warehouses and Spark.
"""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pytest
import sqlglot

from federated.errors import MalformedError, Refusal, RefusedError
from federated.site.engines import source_in
from federated.site.expressions import HOWS, Declared, column_of, declared, with_columns
from federated.site.source import DuckDbSource, Source

AS_OF = date(2026, 11, 1)
KEYS = [bytes([number]) * 16 for number in range(6)]
COLUMNS = """
as_of = 2026-11-01
[[columns]]
name = "spend_8w"
table = "baskets"
how = "sum"
of = "amount"
day = "day"
days = 56
range = [0, 25.5]
[[columns]]
name = "visits"
table = "baskets"
how = "count"
day = "day"
range = [0, 3]
[[columns]]
name = "usual"
table = "baskets"
how = "mean"
of = "amount"
day = "day"
range = [-5, 100]
[[columns]]
name = "recency"
table = "baskets"
how = "days-since"
day = "day"
range = [0, 60]
"""


def tables() -> tuple[pa.Table, pa.Table]:
    """Six members; the fifth has no basket, the sixth has one on the cut-off and one after it."""
    rng = np.random.default_rng(3)
    whose = [*rng.integers(0, 4, 40), 5, 5]
    days = [AS_OF - timedelta(days=int(back)) for back in rng.integers(1, 120, 40)] + [AS_OF, AS_OF + timedelta(days=3)]
    amounts = [*rng.uniform(-10, 60, 40), 1000.0, 2000.0]
    baskets = pa.table({"pseudonym": [KEYS[one].hex() for one in whose], "day": days, "amount": amounts})
    members = pa.table({"pseudonym": [one.hex() for one in KEYS], "spend": np.arange(6.0), "tier": [*"abcabc"]})
    return members, baskets


def expected() -> dict[str, list[float]]:
    """The declared columns by plain Python."""
    _, baskets = tables()
    out: dict[str, list[float]] = {"spend_8w": [], "visits": [], "usual": [], "recency": []}
    for key in KEYS:
        own = [row for row in baskets.to_pylist() if row["pseudonym"] == key.hex() and row["day"] < AS_OF]
        late = [row["amount"] for row in own if row["day"] >= AS_OF - timedelta(days=56)]
        every = [row["amount"] for row in own]
        out["spend_8w"].append(float(np.clip(sum(late), 0, 25.5)))
        out["visits"].append(min(len(own), 3))
        out["usual"].append(float(np.clip(np.mean(every), -5, 100)) if own else float("nan"))
        last = max((row["day"] for row in own), default=None)
        out["recency"].append(float("nan") if last is None else float(min((AS_OF - last).days, 60)))
    return out


def in_duckdb(folder: Path) -> str:
    with duckdb.connect(str(folder / "rows.duckdb")) as database:
        for name, table in zip(("members", "baskets"), tables(), strict=True):
            database.register("given", table)
            database.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
    return 'kind = "duckdb"\npath = "rows.duckdb"\n'


def in_files(kind: str) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        (folder / "rows" / "baskets").mkdir(parents=True)
        members, baskets = tables()
        parts = {"members": members, "baskets/one": baskets.slice(0, 20), "baskets/two": baskets.slice(20)}
        with duckdb.connect() as database:
            for name, table in parts.items():
                database.register("given", table)
                database.execute(f"COPY (SELECT * FROM given) TO '{folder}/rows/{name}.{kind}' (FORMAT {kind})")
        return f'kind = "{kind}"\npath = "rows"\n'

    return write


def check(source: Source) -> None:
    names = ["recency", "spend", "spend_8w", "tier", "usual", "visits"]
    rows = source.read(KEYS[:2] + KEYS[4:], names)
    assert {*rows.pseudonyms} == {*KEYS[:2], *KEYS[4:]}
    order = [KEYS.index(one) for one in rows.pseudonyms]
    for name, values in expected().items():
        found = np.asarray(rows.columns[name], dtype=np.float64)
        assert np.allclose(found, np.asarray(values)[order], equal_nan=True), name
    assert rows.columns["spend"].tolist() == [float(index) for index in order]
    assert rows.columns["tier"].tolist() == ["abcabc"[index] for index in order]


@pytest.mark.parametrize("write", [in_duckdb, in_files("parquet"), in_files("csv")], ids=["duckdb", "parquet", "csv"])
def test_every_kind_of_files_gives_the_same_rows(tmp_path: Path, write: Callable[[Path], str]) -> None:
    (tmp_path / "data.toml").write_text(write(tmp_path) + COLUMNS)
    check(source_in(tmp_path))


def test_without_a_declaration_rows_are_in_the_sites_own_file(tmp_path: Path) -> None:
    assert source_in(tmp_path) == DuckDbSource(tmp_path / "data.duckdb")


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("dialect", ["duckdb", "postgres", "bigquery", "snowflake", "databricks"])
def test_declared_columns_compile_for_warehouses_and_spark(how: Any, dialect: str) -> None:
    one = Declared("c", "baskets", how, "day", "" if how in ("count", "days-since") else "amount", 56, 0, 10)
    baskets = ibis.table({"pseudonym": "string", "day": "date", "amount": "float64"}, name="baskets")
    members = ibis.table({"pseudonym": "string", "x": "float64"}, name="members")
    made = with_columns(
        members, {"c": column_of(one, baskets, key="pseudonym", as_of=AS_OF)}, {"c": one}, key="pseudonym"
    )
    text = str(ibis.to_sql(made, dialect=dialect))
    read = sqlglot.parse_one(text, read="spark" if dialect == "databricks" else dialect)
    assert {table.name for table in read.find_all(sqlglot.exp.Table)} == {"members", "baskets"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind = 'oracle'", "duckdb, parquet, csv or postgresql"),
        ("kind = 'parquet'", "needs path"),
        ("kind = 'duckdb'\npath = 'x'\nextra = 1", "unknown keys"),
        ("kind = ", "not TOML"),
        ("kind = 'duckdb'\npath = 'x'\n[[columns]]\nname = 'a'", "lacks"),
        (COLUMNS.replace("as_of = 2026-11-01", "kind = 'duckdb'\npath = 'x'"), "cut-off"),
        ("kind = 'postgresql'\naddress_file = 'none'", "cannot read"),
    ],
)
def test_a_declaration_that_means_nothing_says_what_to_correct(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "data.toml").write_text(text)
    with pytest.raises(MalformedError, match=says):
        source_in(tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"how": "median"},
        {"range": [1, 1]},
        {"range": [1]},
        {"days": 0},
        {"of": "x", "how": "count"},
        {"how": "sum"},
        {"day": 3},
    ],
)
def test_a_column_that_cannot_mean_anything_is_refused(wrong: dict[str, Any]) -> None:
    good = {"name": "a", "table": "t", "how": "count", "day": "d", "range": [0, 1]}
    declared(good)
    with pytest.raises(MalformedError):
        declared({**good, **wrong})


@pytest.mark.parametrize("missing", ["members.parquet", "baskets"])
def test_files_that_are_not_there_are_unreadable_not_empty(tmp_path: Path, missing: str) -> None:
    import shutil

    (tmp_path / "data.toml").write_text(in_files("parquet")(tmp_path) + COLUMNS)
    place = tmp_path / "rows" / missing
    place.unlink() if place.is_file() else shutil.rmtree(place)
    with pytest.raises(RefusedError) as refused:
        source_in(tmp_path).read(KEYS, ["spend", "visits"])
    assert refused.value.code is Refusal.DATA_UNREADABLE
