"""How far each import came, written with the statements it made: so that it resumes without loss or doubles."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel, col, func, select

from consent_center.storage.bulk import insert_rows
from consent_center.storage.columns import seconds
from consent_center.storage.transaction import Transaction


class ImportRow(SQLModel, table=True):
    """One import."""

    __tablename__ = "import"
    token: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    rows_read: int = Field(sa_type=BigInteger)
    rows_kept: int = Field(sa_type=BigInteger)
    digest: str
    finished: bool
    at: int = Field(sa_type=BigInteger)


class ImportErrorRow(SQLModel, table=True):
    """One row of an import that was not taken, and why."""

    __tablename__ = "import_error"
    token: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    row: int = Field(primary_key=True, sa_type=BigInteger)
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was not taken.

    Attributes:
        row: its number, from 1.
    """

    row: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import came.

    Attributes:
        rows_read: rows that were looked at.
        rows_kept: rows that became statements.
        digest: SHA-256 over the rows read so far; another file under the same name is found by it.
        finished: was the end of the file reached?
        rows_refused: rows that were not taken.
        errors: the first of them.
    """

    rows_read: int = 0
    rows_kept: int = 0
    digest: str = ""
    finished: bool = False
    rows_refused: int = 0
    errors: tuple[RowError, ...] = field(default=())


def find(tx: Transaction, token: str, name: str, *, most_errors: int = 100) -> Progress | None:
    """How far an import of a token came; None if it never began."""
    row = tx.session.get(ImportRow, (token, name))
    if row is None:
        return None
    of = (ImportErrorRow.token == token, ImportErrorRow.id == name)
    refused = tx.session.exec(select(func.count()).select_from(ImportErrorRow).where(*of)).one()
    found = tx.session.exec(select(ImportErrorRow).where(*of).order_by(col(ImportErrorRow.row)).limit(most_errors))
    errors = tuple(RowError(one.row, one.code, one.detail) for one in found)
    return Progress(row.rows_read, row.rows_kept, row.digest, row.finished, refused, errors)


def advance(
    tx: Transaction,
    token: str,
    name: str,
    *,
    kept: int,
    read: int,
    digest: str,
    finished: bool,
    errors: Sequence[RowError],
    at: datetime,
) -> None:
    """Move an import on."""
    row = tx.session.get(ImportRow, (token, name)) or ImportRow(
        token=token, id=name, rows_read=0, rows_kept=0, digest="", finished=False, at=0
    )
    row.rows_read, row.rows_kept, row.digest = row.rows_read + read, row.rows_kept + kept, digest
    row.finished, row.at = finished, seconds(at)
    tx.session.add(row)
    tx.session.flush()
    rows = [(token, name, one.row, one.code, one.detail) for one in errors]
    insert_rows(tx, ImportErrorRow, ("token", "id", "row", "code", "detail"), rows)
