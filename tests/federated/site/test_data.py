"""Laws: only the cohort's rows and the plan's columns are read; every raw value becomes bounded by a public rule."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from federated.errors import Refusal, RefusedError
from federated.plan import Feature
from federated.site.features import group_codes, labels, unit_values
from federated.site.source import DuckDbSource

NAN = float("nan")
ANYTHING = (
    st.none()
    | st.floats()
    | st.integers()
    | st.text(max_size=5)
    | st.booleans()
    | st.binary(max_size=3)
    | st.decimals()
)
FEATURES = (
    Feature("c", "continuous", -1.0, 3.0),
    Feature("b", "binary"),
    Feature("k", "categorical", categories=("x", "y")),
    Feature("n", "binned", edges=(0.0, 10.0)),
)


@given(st.lists(ANYTHING, min_size=1, max_size=8))
def test_whatever_a_row_holds_unit_values_are_bounded_or_missing(column: list[Any]) -> None:
    values = unit_values(FEATURES, dict.fromkeys(("c", "b", "k", "n"), column))
    assert values.shape == (len(column), 4)
    assert (np.isnan(values) | ((values >= 0) & (values <= [1, 1, 1, 2]))).all()


@pytest.mark.parametrize(
    ("feature", "raw", "expected"),
    [
        (FEATURES[0], [-1, 3, 1, -5, 99, None, NAN, np.inf, "2", "two"], [0, 1, 0.5, 0, 1, NAN, NAN, NAN, 0.75, NAN]),
        (FEATURES[1], [0, 1, True, False, 2, None, 0.5, "1"], [0, 1, 1, 0, NAN, NAN, NAN, 1]),
        (FEATURES[2], ["x", "y", "z", None, ""], [0, 1, NAN, NAN, NAN]),
        (FEATURES[3], [-1, 0, 9.99, 10, 99, None, np.inf], [0, 1, 1, 2, 2, NAN, NAN]),
    ],
)
def test_the_public_rule(feature: Feature, raw: list[Any], expected: list[float]) -> None:
    for column in (raw, np.array(raw, dtype=object)):
        assert np.array_equal(unit_values((feature,), {feature.name: column})[:, 0], expected, equal_nan=True)


def test_plain_numbers_take_the_same_rule() -> None:
    column = np.array([-1.0, 3.0, NAN, np.inf, -np.inf])
    assert np.array_equal(unit_values(FEATURES[:1], {"c": column})[:, 0], [0, 1, NAN, NAN, NAN], equal_nan=True)


def test_an_outcome_is_zero_one_or_unknown() -> None:
    assert np.array_equal(labels([0, 1, 2, None, "1", -1, Decimal(1)]), [0, 1, NAN, NAN, 1, NAN, 1], equal_nan=True)


def test_a_group_that_the_plan_does_not_name_is_not_given() -> None:
    assert group_codes(["young", None, "old", "martian", 7], ("young", "old")).tolist() == [0, 2, 1, 2, 2]


def database(path: Path, rows: list[tuple[Any, ...]]) -> DuckDbSource:
    with duckdb.connect(str(path)) as engine:
        engine.execute(
            "CREATE TABLE members (pseudonym TEXT, a DOUBLE, i INTEGER, t TEXT, d DECIMAL(9,2), secret TEXT)"
        )
        engine.executemany("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?)", rows)
    return DuckDbSource(path)


def pseudonym(number: int) -> bytes:
    return number.to_bytes(16, "big")


def row(number: int) -> tuple[Any, ...]:
    return (pseudonym(number).hex(), number / 2, number, f"t{number}", Decimal(number) / 4, "do not read")


def test_only_the_asked_members_and_columns_are_read(tmp_path: Path) -> None:
    source = database(tmp_path / "data.duckdb", [row(number) for number in range(10)])
    rows = source.read([pseudonym(3), pseudonym(7), pseudonym(99)], ["a", "i", "t", "d"])
    found = dict(zip(rows.pseudonyms, zip(*(rows.columns[name] for name in "aitd"), strict=True), strict=True))
    assert found == {pseudonym(3): (1.5, 3.0, "t3", 0.75), pseudonym(7): (3.5, 7.0, "t7", 1.75)}
    assert {*rows.columns} == {"a", "i", "t", "d"}


def test_values_that_are_not_there_are_missing(tmp_path: Path) -> None:
    source = database(tmp_path / "data.duckdb", [(pseudonym(1).hex(), None, None, None, None, None), row(2)])
    rows = source.read([pseudonym(1)], ["a", "i", "t", "d"])
    assert [rows.columns[name][0] for name in "t"] == [None]
    assert all(np.isnan(rows.columns[name][0]) for name in "aid")


def test_a_member_with_two_rows_counts_as_one_without(tmp_path: Path) -> None:
    source = database(tmp_path / "data.duckdb", [row(1), row(1), row(2)])
    rows = source.read([pseudonym(1), pseudonym(2)], ["a"])
    assert rows.pseudonyms == (pseudonym(2),)
    assert rows.columns["a"].tolist() == [1.0]


def test_nobody_asked_for_is_nobody_read(tmp_path: Path) -> None:
    rows = database(tmp_path / "data.duckdb", [row(1)]).read([], ["a", "t"])
    assert rows.pseudonyms == ()
    assert all(len(column) == 0 for column in rows.columns.values())


@pytest.mark.parametrize("column", ["missing", "a; DROP TABLE members", 'a"'])
def test_a_column_that_is_not_there_is_unreadable_data(tmp_path: Path, column: str) -> None:
    source = database(tmp_path / "data.duckdb", [row(1)])
    with pytest.raises(RefusedError) as refused:
        source.read([pseudonym(1)], [column])
    assert refused.value.code is Refusal.DATA_UNREADABLE


def test_data_that_are_not_there_or_damaged_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(RefusedError) as refused:
        DuckDbSource(tmp_path / "data.duckdb").read([pseudonym(1)], ["a"])
    assert refused.value.code is Refusal.DATA_UNREADABLE
    assert not (tmp_path / "data.duckdb").exists()
    (tmp_path / "data.duckdb").write_bytes(b"not a database")
    with pytest.raises(RefusedError) as refused:
        DuckDbSource(tmp_path / "data.duckdb").read([pseudonym(1)], ["a"])
    assert refused.value.code is Refusal.DATA_UNREADABLE
