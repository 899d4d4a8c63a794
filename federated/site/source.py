"""The site's rows, through Ibis: only the members of a cohort, only the columns of a plan.

The table has one row per member and a column `pseudonym`, hexadecimal text. The engine filters and projects, so rows
of anybody else are not read into this process. A member with more than one row counts as a member without rows: her
contribution could not be bounded otherwise.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from federated.errors import Refusal, RefusedError

PSEUDONYM = "pseudonym"


@dataclass(frozen=True)
class Rows:
    """What a site has about some members.

    Attributes:
        pseudonyms: 16 bytes each, of the members who have exactly one row, in no particular order.
        columns: raw values by column, in the order of `pseudonyms`: numbers as float64 with NaN where there is none,
            everything else as objects with None.
    """

    pseudonyms: tuple[bytes, ...]
    columns: dict[str, npt.NDArray[Any]]


class Source(Protocol):
    """Where a site's rows are."""

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """These columns of these members.

        Raises:
            RefusedError: `data-unreadable`: no data, or a column that the plan needs is missing.
        """
        ...


@dataclass(frozen=True)
class DuckDbSource:
    """Rows in a DuckDB file, opened for reading only and for no longer than one read.

    Attributes:
        path: the file.
        table: its table.
    """

    path: Path
    table: str = "members"

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """See `Source.read`."""
        if not self.path.is_file():
            raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data are not where its policy says they are")
        try:
            engine = ibis.duckdb.connect(self.path, read_only=True)
            try:
                return _read(engine.table(self.table), pseudonyms, columns)
            finally:
                engine.disconnect()
        except RefusedError:
            raise
        except Exception as error:  # whatever an engine raises may quote data
            raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data cannot be read; run its preflight") from error


def _read(table: Any, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
    missing = {PSEUDONYM, *columns} - set(table.columns)
    if missing:
        raise RefusedError(Refusal.DATA_UNREADABLE, f"the site's data lack {len(missing)} of the plan's columns")
    wanted = ibis.memtable(pa.table({PSEUDONYM: pa.array([one.hex() for one in pseudonyms], pa.string())}))
    chosen = table.select(PSEUDONYM, *columns).semi_join(wanted, PSEUDONYM)
    found = chosen.to_pyarrow()
    keys = found[PSEUDONYM].to_pylist()
    times = Counter(keys)
    once = [index for index, key in enumerate(keys) if times[key] == 1]
    return Rows(
        pseudonyms=tuple(bytes.fromhex(keys[index]) for index in once),
        columns={name: _values(found[name])[once] for name in columns},
    )


def _values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy())
