"""The site's rows, through Ibis: only the members of a cohort, only the columns of a plan.

The table has one row per member and a column `pseudonym`, hexadecimal text. The engine filters and projects, so rows
of anybody else are not read into this process. A member with more than one row counts as a member without rows: her
contribution could not be bounded otherwise.

Item histories are a second table, `items`: one row per member, period and item, with a column `period` (a whole number,
usually the week) and one column for each feature of kind items, text. Her rows add up to one set, however many.
"""

from binascii import unhexlify
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import ibis
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federated.cohort_leaves import PSEUDONYM_BYTES
from federated.errors import Refusal, RefusedError
from federated.site.gauges import GAUGES, with_gauges

PSEUDONYM = "pseudonym"
PERIOD = "period"
T = TypeVar("T")


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


@dataclass(frozen=True)
class Purchases:
    """What some members bought.

    Attributes:
        members: whose, as an index into the pseudonyms that were asked for, shape (purchases,).
        periods: when, shape (purchases,).
        items: what, by feature: text, null where a purchase has none.
    """

    members: npt.NDArray[np.int64]
    periods: npt.NDArray[np.int64]
    items: dict[str, pa.Array]


class Source(Protocol):
    """Where a site's rows are."""

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """These columns of these members.

        Raises:
            RefusedError: `data-unreadable`: no data, or a column that the plan needs is missing.
        """
        ...

    def read_items(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Purchases:
        """What these members bought, by these columns of the table of items.

        Raises:
            RefusedError: `data-unreadable`.
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
    items: str = "items"

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """See `Source.read`."""
        made = [name for name in columns if name in GAUGES]
        own = [name for name in columns if name not in GAUGES]

        def rows(engine: Any) -> Rows:
            return read_rows_of(
                engine.table(self.table),
                pseudonyms,
                own,
                lambda some: with_gauges(some, made, engine.table, key=PSEUDONYM),
            )

        return self._with(rows)

    def read_items(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Purchases:
        """See `Source.read_items`."""
        return self._with(lambda engine: read_items_of(engine.table(self.items), pseudonyms, columns))

    def _with(self, read: Callable[[Any], T]) -> T:
        if not self.path.is_file():
            raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data are not where its policy says they are")
        try:
            engine = ibis.duckdb.connect(self.path, read_only=True)
            try:
                return read(engine)
            finally:
                engine.disconnect()
        except RefusedError:
            raise
        except Exception as error:  # whatever an engine raises may quote data
            raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data cannot be read; run its preflight") from error


def read_rows_of(
    table: Any,
    pseudonyms: Sequence[bytes],
    columns: Sequence[str],
    more: Callable[[Any], Any] = lambda members: members,
) -> Rows:
    """The rows of these members in a table of an engine.

    Args:
        table: an Ibis expression, one row a member.
        pseudonyms: whose rows.
        columns: of the table.
        more: adds columns to the chosen members; they are read, too.

    Raises:
        RefusedError: `data-unreadable`: a column is missing.
    """
    missing = {PSEUDONYM, *columns} - set(table.columns)
    if missing:
        raise RefusedError(Refusal.DATA_UNREADABLE, f"the site's data lack {len(missing)} of the plan's columns")
    chosen = more(table.select(PSEUDONYM, *columns).semi_join(_wanted(pseudonyms), PSEUDONYM))
    found = chosen.to_pyarrow()
    read = _pseudonyms(found[PSEUDONYM])
    if len(set(read)) != len(read):
        keys = found[PSEUDONYM].combine_chunks()
        counts = pc.value_counts(keys)
        single = pc.filter(counts.field("values"), pc.equal(counts.field("counts"), 1))
        found = found.filter(pc.is_in(keys, value_set=single))
        read = _pseudonyms(found[PSEUDONYM])
    made = [name for name in found.column_names if name != PSEUDONYM]
    return Rows(pseudonyms=read, columns={name: _values(found[name]) for name in made})


def read_items_of(table: Any, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Purchases:
    """What these members bought, in a table of an engine.

    Raises:
        RefusedError: `data-unreadable`: a column is missing.
    """
    missing = {PSEUDONYM, PERIOD, *columns} - set(table.columns)
    if missing:
        raise RefusedError(Refusal.DATA_UNREADABLE, f"the site's items lack {len(missing)} of the plan's columns")
    found = table.select(PSEUDONYM, PERIOD, *columns).semi_join(_wanted(pseudonyms), PSEUDONYM).to_pyarrow()
    whose = pc.index_in(found[PSEUDONYM], value_set=_hexadecimal(pseudonyms))
    return Purchases(
        members=np.asarray(whose.to_numpy(), dtype=np.int64),
        periods=np.asarray(found[PERIOD].cast(pa.int64()).to_numpy(), dtype=np.int64),
        items={name: found[name].combine_chunks().cast(pa.string()) for name in columns},
    )


def _pseudonyms(column: pa.ChunkedArray) -> tuple[bytes, ...]:
    """The pseudonyms in a column of hexadecimal texts that were all asked for, so each has the one length."""
    joined = b"".join([unhexlify(_text_of(chunk)) for chunk in column.chunks])
    return tuple([joined[start : start + PSEUDONYM_BYTES] for start in range(0, len(joined), PSEUDONYM_BYTES)])


def _text_of(chunk: pa.StringArray) -> memoryview:
    """All texts of an array behind one another, without copying; none of them is null."""
    _, _, data = chunk.buffers()
    start, end = (2 * PSEUDONYM_BYTES * place for place in (chunk.offset, chunk.offset + len(chunk)))
    return memoryview(data)[start:end] if data is not None else memoryview(b"")


def _wanted(pseudonyms: Sequence[bytes]) -> Any:
    return ibis.memtable(pa.table({PSEUDONYM: _hexadecimal(pseudonyms)}))


def _hexadecimal(pseudonyms: Sequence[bytes]) -> pa.Array:
    digits = b"".join(pseudonyms).hex().encode()
    return pa.array(np.frombuffer(digits, dtype=f"S{2 * PSEUDONYM_BYTES}"), pa.string())


def _values(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.float64(), safe=False)
    return np.asarray(column.to_numpy())
