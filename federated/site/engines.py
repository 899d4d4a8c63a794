"""Where a site's rows are: a DuckDB file, a folder of Parquet or CSV files, PostgreSQL; and columns declared on them.

A site says it in `data.toml`; without one its rows are in `data.duckdb`.

    kind = "parquet"                    # duckdb | parquet | csv | postgresql
    path = "rows"                       # the file, or the folder: members.parquet, or members/*.parquet
    address_file = "keys/database.url"  # postgresql only: a file with its address, for the owner's eyes only
    as_of = 2026-11-01                  # the cut-off of declared columns

    [[columns]]                         # see `expressions`
    name = "spend_8w"
    table = "baskets"
    how = "sum"
    of = "amount"
    day = "day"
    days = 56
    range = [0, 1000]

Everything is computed by the engine, within its own memory limit; only the cohort's members reach this process.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import ibis

from federated.errors import MalformedError, Refusal, RefusedError
from federated.site.expressions import Declared, column_of, declared, with_columns
from federated.site.gauges import GAUGES, with_gauges
from federated.site.source import PSEUDONYM, DuckDbSource, Purchases, Rows, Source, read_items_of, read_rows_of

OWNER_ONLY = 0o077
MEMORY = "512MB"
T = TypeVar("T")


@dataclass(frozen=True)
class EngineSource:
    """Rows behind an Ibis engine that is opened for each read, and no longer.

    Attributes:
        connect: opens the engine.
        tables: finds a table of it by name.
        columns: what the site declared, by name.
        as_of: their cut-off.
    """

    connect: Callable[[], Any]
    tables: Callable[[Any, str], Any]
    columns: Mapping[str, Declared] = field(default_factory=dict)
    as_of: date = date.max
    table: str = "members"
    items: str = "items"

    def read(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Rows:
        """See `Source.read`."""
        wanted = {name: self.columns[name] for name in columns if name in self.columns and name not in GAUGES}
        gauges = [name for name in columns if name in GAUGES]

        def rows(engine: Any) -> Rows:
            own = [name for name in columns if name not in wanted and name not in GAUGES]
            return read_rows_of(self.tables(engine, self.table), pseudonyms, own, lambda some: declare(engine, some))

        def declare(engine: Any, members: Any) -> Any:
            # Only the chosen members' rows are grouped: nobody else's are worth the memory.
            tables = {one.table: self.tables(engine, one.table) for one in wanted.values()}
            own = {name: table.semi_join(members, PSEUDONYM) for name, table in tables.items()}
            made = {
                name: column_of(one, own[one.table], key=PSEUDONYM, as_of=self.as_of) for name, one in wanted.items()
            }
            members = with_columns(members, made, wanted, key=PSEUDONYM)
            return with_gauges(members, gauges, lambda name: self.tables(engine, name), key=PSEUDONYM)

        return self._with(rows)

    def read_items(self, pseudonyms: Sequence[bytes], columns: Sequence[str]) -> Purchases:
        """See `Source.read_items`."""
        return self._with(lambda engine: read_items_of(self.tables(engine, self.items), pseudonyms, columns))

    def _with(self, read: Callable[[Any], T]) -> T:
        try:
            with _engine(self.connect) as engine:
                return read(engine)
        except RefusedError:
            raise
        except Exception as error:  # whatever an engine raises may quote data
            raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data cannot be read; run its preflight") from error


def folder_source(path: Path, *, kind: str, **declared: Any) -> EngineSource:
    """A folder of Parquet or CSV files, one file or one folder of files a table."""

    def tables(engine: Any, name: str) -> Any:
        found = (
            [path / f"{name}.{kind}"]
            if (path / f"{name}.{kind}").is_file()
            else sorted((path / name).glob(f"*.{kind}"))
        )
        if not found:
            raise RefusedError(Refusal.DATA_UNREADABLE, "a table of the site's data has no files; run its preflight")
        files = [str(one) for one in found]
        if kind == "csv":
            return engine.read_csv(files, types={PSEUDONYM: "VARCHAR"})
        return engine.read_parquet(files)

    return EngineSource(_duckdb, tables, **declared)


def duckdb_source(path: Path, **declared: Any) -> EngineSource:
    """A DuckDB file, opened for reading only."""
    return EngineSource(lambda: _duckdb(path), lambda engine, name: engine.table(name), **declared)


def postgres_source(address: str, **declared: Any) -> EngineSource:
    """A PostgreSQL database; its role needs SELECT on the tables and TEMPORARY on the database, and nothing else."""
    return EngineSource(lambda: ibis.connect(address), lambda engine, name: engine.table(name), **declared)


def source_in(folder: Path) -> Source:
    """The source that a site's folder declares.

    Raises:
        MalformedError: `data.toml` cannot be read; says what to correct.
    """
    place = folder / "data.toml"
    if not place.exists():
        return DuckDbSource(folder / "data.duckdb")
    try:
        data = tomllib.loads(place.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MalformedError(f"the site's data.toml is not TOML: {error}") from error
    columns = {one.name: one for one in map(declared, data.pop("columns", []))}
    unknown = sorted({*data} - {"kind", "path", "address_file", "as_of", "table", "items"})
    if unknown:
        raise MalformedError(f"data.toml has unknown keys {unknown}; correct it")
    given: dict[str, Any] = {key: str(data[key]) for key in ("table", "items") if key in data}
    if columns:
        if type(data.get("as_of")) is not date:
            raise MalformedError("declared columns need a cut-off: as_of = 2026-11-01 in data.toml")
        given |= {"columns": columns, "as_of": data["as_of"]}
    match data.get("kind"):
        case "duckdb":
            return duckdb_source(folder / _text(data, "path"), **given)
        case "parquet" | "csv" as kind:
            return folder_source(folder / _text(data, "path"), kind=kind, **given)
        case "postgresql":
            return postgres_source(_address(folder / _text(data, "address_file")), **given)
        case other:
            raise MalformedError(f"data.toml: kind is duckdb, parquet, csv or postgresql, not {other!r}")


@contextmanager
def _engine(connect: Callable[[], Any]) -> Iterator[Any]:
    engine = connect()
    try:
        yield engine
    finally:
        engine.disconnect()


def _duckdb(path: Path | None = None) -> Any:
    if path is not None and not path.is_file():
        raise RefusedError(Refusal.DATA_UNREADABLE, "the site's data are not where data.toml says they are")
    return ibis.duckdb.connect(":memory:" if path is None else path, read_only=path is not None, memory_limit=MEMORY)


def _text(data: Mapping[str, Any], key: str) -> str:
    if not isinstance(value := data.get(key), str) or not value:
        raise MalformedError(f"data.toml needs {key}")
    return value


def _address(place: Path) -> str:
    try:
        if place.stat().st_mode & OWNER_ONLY:
            raise MalformedError(f"{place} can be read by others; run chmod 600 on it")
        return place.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise MalformedError(f"cannot read the database's address in {place}; check the path") from error
