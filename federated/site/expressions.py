"""Columns that a site declares over its own tables: what, of which column, within how many days, in which public range.

Each becomes one expression that the engine computes beside the rows (DuckDB, PostgreSQL, a warehouse, Spark): what is
read is one number a member, already moved into its public range. How often that happened is data and is never said.

    count, sum        of a member's rows in the window; 0 if she has none
    mean, max, min    of a column over them; missing if she has none
    days-since        days from her last row to the cut-off; missing if she has none

A window is the `days` before the cut-off, the cut-off itself excluded: nothing of a row that comes later is read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal, get_args

import ibis

from federated.errors import MalformedError

How = Literal["count", "sum", "mean", "max", "min", "days-since"]
HOWS: tuple[How, ...] = get_args(How)


@dataclass(frozen=True)
class Declared:
    """One column that is computed.

    Attributes:
        name: what plans call it.
        table: whose rows: each has the member's pseudonym and a date.
        day: that date's column.
        of: the column that is added up, averaged or compared; empty for counts and days.
        days: how far back from the cut-off; None for everything before it.
        lo: lower end of the public range; hi: the upper one.
    """

    name: str
    table: str
    how: How
    day: str
    of: str = ""
    days: int | None = None
    lo: float = 0.0
    hi: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot mean anything."""
        if self.how not in HOWS or not self.lo < self.hi or (self.days is not None and self.days < 1):
            raise MalformedError(f"{self.name}: how is one of {', '.join(HOWS)}, range is [lo, hi], days is 1 or more")
        if bool(self.of) == (self.how in ("count", "days-since")):
            raise MalformedError(f"{self.name}: {self.how} {'is of no column' if self.of else 'needs a column: of'}")


def declared(data: Mapping[str, Any]) -> Declared:
    """Read one `[[columns]]` of a site's `data.toml`.

    Raises:
        MalformedError: a key that is missing, unknown or of the wrong form.
    """
    kinds = {"name": str, "table": str, "how": str, "day": str, "of": str, "days": int, "range": list}
    unknown, missing = sorted({*data} - {*kinds}), sorted({"name", "table", "how", "day", "range"} - {*data})
    if unknown or missing:
        raise MalformedError(f"a declared column has unknown keys {unknown} and lacks {missing}; correct data.toml")
    if wrong := [key for key, value in data.items() if type(value) is not kinds[key]]:
        raise MalformedError(f"columns.{wrong[0]} must be a {kinds[wrong[0]].__name__}")
    ends = data["range"]
    if len(ends) != 2 or any(type(end) not in (int, float) for end in ends):
        raise MalformedError(f"{data['name']}: range is two numbers such as [0, 100]")
    plain = {key: value for key, value in data.items() if key != "range"}
    return Declared(**plain, lo=float(ends[0]), hi=float(ends[1]))


def column_of(declared: Declared, rows: Any, *, key: str, as_of: date) -> Any:
    """The table of one declared column: one row for each member who has any in the window.

    Args:
        declared: the column.
        rows: its table, an Ibis expression.
        key: the column of pseudonyms.
        as_of: the cut-off.
    """
    day = rows[declared.day].cast("date")
    within = day < ibis.literal(as_of)
    if declared.days is not None:
        within &= day >= ibis.literal(as_of - timedelta(days=declared.days))
    chosen = rows.filter(within)
    if declared.how == "days-since":
        last = chosen.group_by(key).agg(last=chosen[declared.day].cast("date").max())
        value = (ibis.literal(as_of).epoch_seconds() - last.last.epoch_seconds()) / 86_400
        return last.select(key, **{declared.name: _bounded(value, declared)})
    value = chosen.count() if declared.how == "count" else _over(chosen[declared.of].cast("float64"), declared.how)
    grouped = chosen.group_by(key).agg(value=value)
    return grouped.select(key, **{declared.name: _bounded(grouped.value, declared)})


def with_columns(members: Any, columns: Mapping[str, Any], wanted: Mapping[str, Declared], *, key: str) -> Any:
    """The members with their declared columns beside their own.

    Args:
        members: one row a member, an Ibis expression.
        columns: name -> table of a declared column (`column_of`).
        wanted: name -> its declaration.
        key: the column of pseudonyms.
    """
    for name, column in columns.items():
        joined = members.left_join(column, key)
        value = joined[name]
        if wanted[name].how in ("count", "sum"):
            nothing = min(max(0.0, wanted[name].lo), wanted[name].hi)
            value = value.fill_null(nothing)
        members = joined.select(*(members[one] for one in members.columns), value.name(name))
    return members


def _over(column: Any, how: How) -> Any:
    match how:
        case "sum":
            return column.sum()
        case "mean":
            return column.mean()
        case "max":
            return column.max()
        case "min":
            return column.min()
        case "count" | "days-since":
            raise MalformedError(f"{how} is of no column")


def _bounded(value: Any, declared: Declared) -> Any:
    """Moved into the public range; a missing value stays missing, in every dialect."""
    number = value.cast("float64")
    low, high = ibis.literal(declared.lo), ibis.literal(declared.hi)
    return ibis.cases((number < low, low), (number > high, high), else_=number)
