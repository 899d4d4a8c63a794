"""Bulk import of statements: streamed to disk, recorded batch by batch, resumed where it stopped."""

import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from consent_center.api.tables import Format, batches, read_rows
from consent_center.api.values import Closed, Code
from consent_center.api.world import World, WorldDep, needs
from consent_center.errors import ImportRefusedError
from consent_center.storage.imports import Progress, RowError
from consent_center.storage.machine_tokens import MachineToken
from consent_center.web.problems import PROBLEMS
from consent_center.workflows.import_statements import import_batch, rehearse_batch, show_import
from consent_center.workflows.machine_tokens import TokenScope, require

router = APIRouter(prefix="/imports", tags=["imports"])
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.IMPORTS_WRITE))]
MOST_ERRORS = 100
ROW_CODES = {kind.__name__.removesuffix("Error").lower(): known.code for kind, known in PROBLEMS.items()}
"""What is kept of a refused row names the error; a caller reads the code that the same refusal has everywhere."""


class RowErrorOut(Closed):
    """A row that was not taken."""

    row: Annotated[int, Field(description="Its number, from 1, without the header.")]
    code: Annotated[str, Field(description="As of a problem document.")]
    detail: str


class ImportOut(Closed):
    """How far an import came. If it is not finished, send the same file again."""

    rows_read: int
    rows_kept: int
    rows_refused: int
    finished: bool
    errors: Annotated[list[RowErrorOut], Field(description="The first hundred rows that were not taken.")]


@router.get("/{name}")
def read_import(name: Code, world: WorldDep, token: WriterDep) -> ImportOut:
    """How far an import of this token came."""
    return _out(world.store.read(show_import, token.id, name))


@router.put("/{name}")
async def put_import(
    name: Code,
    request: Request,
    world: WorldDep,
    token: WriterDep,
    kind: Annotated[Format, Query(alias="format")] = "csv",
    *,
    dry_run: Annotated[bool, Query()] = False,
) -> ImportOut:
    """Import a file of statements; the body is the file.

    Rows are recorded in batches, each with how far the import came. Sending the same file again under the same name
    goes on where it stopped, without loss or doubles. With `dry_run` nothing is written and every row is checked.
    """
    require(token, TokenScope.IMPORTS_WRITE, site="")
    with tempfile.NamedTemporaryFile(prefix="accord-import-") as file:
        async for piece in request.stream():
            file.write(piece)
        file.flush()
        work = _rehearse if dry_run else _import
        return _out(await run_in_threadpool(work, world, token.id, name, Path(file.name), kind))


def _import(world: World, token: str, name: str, path: Path, kind: Format) -> Progress:
    progress = world.store.read(show_import, token, name)
    if progress.finished:
        _check_same(progress, path, kind)
        return progress
    for batch in batches(read_rows(path, kind), skip=progress.rows_read):
        progress = world.store.run(import_batch, token, name, batch, at=world.clock())
    return progress


def _check_same(progress: Progress, path: Path, kind: Format) -> None:
    """Nobody is told that a file was imported when it was another one under this name."""
    rest = next(batches(read_rows(path, kind), skip=progress.rows_read))
    if rest.rows or (progress.rows_read and rest.before != progress.digest):
        raise ImportRefusedError("another file was imported under this name: choose a new name for this one")


def _rehearse(world: World, token: str, name: str, path: Path, kind: Format) -> Progress:
    del token, name  # a rehearsal leaves no trace under any name
    errors: list[RowError] = []
    refused = read = 0
    for batch in batches(read_rows(path, kind)):
        found = world.store.read(rehearse_batch, batch, at=world.clock())
        refused, read = refused + len(found), read + len(batch.rows)
        errors.extend(found[: MOST_ERRORS - len(errors)])
    return Progress(read, 0, "", finished=False, rows_refused=refused, errors=tuple(errors))


def _out(progress: Progress) -> ImportOut:
    return ImportOut(
        rows_read=progress.rows_read,
        rows_kept=progress.rows_kept,
        rows_refused=progress.rows_refused,
        finished=progress.finished,
        errors=[
            RowErrorOut(row=one.row, code=ROW_CODES.get(one.code, one.code), detail=one.detail)
            for one in progress.errors
        ],
    )
