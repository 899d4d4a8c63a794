"""Statements in files: CSV and Parquet, read and written a batch at a time, whatever the size.

Columns, in any order: member, act, items, notice, version, language, choices, said_at, expires_at. `items` holds items
as "scope/purpose/recipient/COUNTRY", separated by spaces; times are ISO 8601 with a zone; `expires_at` may be empty.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from consent_center.consent.grant import BY_HUB, Act
from consent_center.consent.scope import Item
from consent_center.consent.speech import Utterance
from consent_center.errors import ConsentCenterError, MalformedError
from consent_center.workflows.import_statements import Batch

Format = Literal["csv", "parquet"]
COLUMNS = ("member", "act", "items", "notice", "version", "language", "choices", "said_at", "expires_at")
OPTIONAL = frozenset({"expires_at"})
BATCH = 10_000
_LONGEST_FIELD = 20_000
_SCHEMA = pa.schema([(name, pa.string()) for name in (*COLUMNS, "statement", "actor", "reason")])


def read_rows(path: Path, kind: Format) -> Iterator[Mapping[str, str]]:
    """The rows of a file, as text, one after the other.

    Raises:
        MalformedError: not such a file, or a column is missing.
    """
    try:
        if kind == "csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file, strict=True)
                _check_columns(reader.fieldnames or ())
                for row in reader:
                    yield row if None not in row and None not in row.values() else _present(row)
            return
        with pq.ParquetFile(path) as table:
            _check_columns(table.schema_arrow.names)
            for batch in table.iter_batches(
                batch_size=BATCH, columns=[c for c in COLUMNS if c in table.schema_arrow.names]
            ):
                for values in batch.to_pylist():
                    yield {name: _text(value) for name, value in values.items()}
    except (UnicodeDecodeError, csv.Error, pa.ArrowException, OSError) as error:
        raise MalformedError(f"not a readable {kind} file: {type(error).__name__}") from error


def batches(rows: Iterable[Mapping[str, str]], *, skip: int = 0, size: int = BATCH) -> Iterator[Batch]:
    """The rows as batches for the import, after the first `skip` of them.

    Each batch carries the SHA-256 over all rows before it, so that another file is found out.
    """
    rolling = hashlib.sha256()
    before, start, held = "", 0, list[Utterance | ConsentCenterError]()
    count = 0
    for row in rows:
        count += 1
        rolling.update(("\x1f".join(row.get(name, "") for name in COLUMNS) + "\x1e").encode("utf-8", "surrogatepass"))
        if count <= skip:
            before, start = rolling.hexdigest() if count == skip else "", count
            continue
        held.append(utterance_of(row))
        if len(held) == size:
            digest = rolling.hexdigest()
            yield Batch(start, held, before, digest, last=False)
            before, start, held = digest, count, []
    if count < skip:
        raise MalformedError("the file is shorter than what was imported from it before")
    yield Batch(start, held, before, rolling.hexdigest(), last=True)


def utterance_of(row: Mapping[str, str]) -> Utterance | ConsentCenterError:
    """What a row says, or why it cannot be read."""
    try:
        if any(len(value) > _LONGEST_FIELD for value in row.values()):
            return MalformedError("a field is too long")
        act = Act(row["act"])
        if act in BY_HUB:
            return MalformedError("only what members said is imported")
        said_at, ends = _moment(row["said_at"]), row.get("expires_at", "")
        return Utterance(
            member=row["member"],
            act=act,
            items=_items(row["items"]),
            notice=row["notice"],
            notice_version=int(row["version"]),
            language=row["language"],
            choices=row["choices"],
            expires_at=_moment(ends) if ends else None,
            said_at=said_at,
        )
    except ConsentCenterError as error:
        return error
    except (KeyError, ValueError):
        return MalformedError("a field is missing, or not of its form")


def write_table(pages: Iterable[Sequence[Mapping[str, str]]], kind: Format) -> Iterator[bytes]:
    """Rows as a file, in pieces; memory holds one page."""
    if kind == "csv":
        yield (",".join(_SCHEMA.names) + "\r\n").encode()
        for page in pages:
            text = io.StringIO()
            csv.DictWriter(text, _SCHEMA.names).writerows(page)
            yield text.getvalue().encode()
        return
    sink = _Pieces()
    with pq.ParquetWriter(sink, _SCHEMA, compression="zstd") as writer:
        for page in pages:
            if page:
                writer.write_table(pa.Table.from_pylist(list(page), schema=_SCHEMA))
                yield sink.taken()
    yield sink.taken()


class _Pieces(io.RawIOBase):
    """A file that only grows, handed on piece by piece."""

    def __init__(self) -> None:
        super().__init__()
        self._held, self._place = bytearray(), 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Keep until taken."""
        held = bytes(data)
        self._held += held
        self._place += len(held)
        return len(held)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._place

    def taken(self) -> bytes:
        """What was written since last time."""
        piece = bytes(self._held)
        self._held.clear()
        return piece


def _check_columns(names: Iterable[str]) -> None:
    if missing := set(COLUMNS) - OPTIONAL - set(names):
        raise MalformedError(f"the file lacks the columns {', '.join(sorted(missing))}")


@lru_cache(maxsize=4096)
def _items(written: str) -> tuple[Item, ...]:
    """Items, read once for the many rows about the same."""
    return tuple(Item.parse(one) for one in written.split())


def _moment(written: str) -> datetime:
    at = datetime.fromisoformat(written)
    if at.tzinfo is None or not 1990 <= at.year <= 2200:
        raise ValueError("a time needs a zone and a plausible year")
    return at


def _present(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row without cells beyond the header (they stand under None) and without those it lacks (they are None)."""
    return {name: value for name, value in row.items() if isinstance(name, str) and value is not None}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)
