"""A site takes in a file of somebody else's decisions, or of one number for each member, as two columns of its rows.

The file is read whole and checked before anything is written; what is written is written in one transaction. Decisions
about members of whom the site has no row are left out: nobody could have agreed to their audit here. The rows stay at
the site, and how many were left out is for the site alone.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit.fairness.decisions import read_decisions
from audit.fairness.errors import FairnessError
from audit.fairness.values import read_values
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.decisions import OUTCOME, Measure
from federated.models.measures import GIVEN
from federated.site.source import PSEUDONYM

Floats = npt.NDArray[np.float64]
_NAME = re.compile(r"[a-z][a-z0-9_]{2,40}", re.ASCII)
_MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Taken:
    """What a site took in.

    Attributes:
        digest: SHA-256 of the file, for the declaration that reviewers sign.
        decisions: how many members were decided about; `known` of them have a row here.
        known: see `decisions`.
    """

    digest: str
    decisions: int
    known: int


def take_decisions(
    data: Path,
    file: Path,
    *,
    name: str,
    wanted: str | None = None,
    table: str = "members",
    ends: tuple[float, float] | None = None,
) -> Taken:
    """Take a file in, in the place of an earlier one of this name.

    Args:
        data: the site's DuckDB file.
        file: CSV with the columns of `audit.fairness.decisions`, or of `audit.fairness.values` if there are ends;
            `member` holds the site's own pseudonyms.
        name: the column for the decisions or numbers; outcomes go to NAME_outcome, whether a number is known to
            NAME_given.
        wanted: SHA-256 that the file must have, as reviewers signed it; None before they did.
        table: where the site's rows are.
        ends: the lowest and the highest number of an audit of members' numbers; None: the file holds decisions.

    Raises:
        MalformedError: the file or the name is not one of decisions; nothing was written.
        RefusedError: `plan-changed`: another file than the approved one; `data-unreadable`: the site's rows cannot be
            read or written. Nothing was written.
    """
    if not _NAME.fullmatch(name):
        raise MalformedError("name decisions by 3 to 41 small letters, digits and underscores, such as vendor_2026")
    payload = _read(file)
    found = hashlib.sha256(payload).hexdigest()
    if wanted not in (None, found):
        raise RefusedError(Refusal.PLAN_CHANGED, "these are not the decisions that reviewers signed; file a new audit")
    rows = _rows(payload, ends)
    beside = name + (OUTCOME if ends is None else GIVEN)
    try:
        known = _write(data, rows, name=name, beside=beside, table=table)
    except duckdb.Error as error:
        raise RefusedError(
            Refusal.DATA_UNREADABLE, "the site's rows cannot be written; nothing was taken in"
        ) from error
    return Taken(found, rows.num_rows, known)


def ends_of(measure: Measure | None) -> tuple[float, float] | None:
    """What `take_decisions` needs to know of a declaration's numbers; None for decisions."""
    return None if measure is None else (measure.low, measure.high)


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise MalformedError(f"the file of decisions is above {_MOST_BYTES:,} bytes; take it in in parts")
        return file.read_bytes()
    except OSError as error:
        raise MalformedError(f"cannot read {file.name}: {error.strerror}; check the path") from error


def _rows(payload: bytes, ends: tuple[float, float] | None) -> pa.Table:
    try:
        lines = csv.DictReader(io.StringIO(payload.decode("utf-8-sig"), newline=""))
        if ends is None:
            decided = read_decisions(lines)
            return _table(decided.members, decided.scores, decided.outcomes)
        found = read_values(lines, low=ends[0], high=ends[1])
        return _table(found.members, found.values, (~np.isnan(found.values)).astype(float))
    except (FairnessError, csv.Error, UnicodeDecodeError) as error:
        said = str(error) if isinstance(error, FairnessError) else "it is no CSV file in UTF-8"
        raise MalformedError(f"not a file of decisions or numbers: {said}") from error


def _table(members: Sequence[str], values: Floats, beside: Floats) -> pa.Table:
    columns = {"value": values, "beside": beside}
    arrays = {name: pa.array(column, pa.float64(), mask=np.isnan(column)) for name, column in columns.items()}
    return pa.table({PSEUDONYM: list(members), **arrays})


def _write(data: Path, rows: pa.Table, *, name: str, beside: str, table: str) -> int:
    if not data.is_file():
        raise RefusedError(Refusal.DATA_UNREADABLE, "the site's rows are not where they should be; check the folder")
    with duckdb.connect(str(data)) as database:
        database.register("decided", rows)
        held = _columns(database, table)
        if name in held and beside not in held:
            raise MalformedError(f"{name} is a column of the site's own rows; give the decisions another name")
        database.begin()
        for column in (name, beside):
            database.execute(f'ALTER TABLE {table} ADD COLUMN IF NOT EXISTS "{column}" DOUBLE')
        database.execute(f'UPDATE {table} SET "{name}" = NULL, "{beside}" = NULL')
        database.execute(
            f'UPDATE {table} SET "{name}" = d.value, "{beside}" = d.beside '
            f"FROM decided d WHERE {table}.{PSEUDONYM} = d.{PSEUDONYM}"
        )
        database.commit()
        found = database.execute(
            f'SELECT count(*) FROM {table} WHERE coalesce("{name}", "{beside}") IS NOT NULL'
        ).fetchone()
    return int(found[0]) if found else 0


def _columns(database: duckdb.DuckDBPyConnection, table: str) -> Sequence[str]:
    return [str(row[0]) for row in database.execute(f"DESCRIBE {table}").fetchall()]
