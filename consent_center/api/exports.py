"""Bulk export of statements: streamed, in the form that an import reads."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from consent_center.api.tables import Format, write_table
from consent_center.api.world import NowDep, World, WorldDep, needs
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.export_statements import begin_export, export_page
from consent_center.workflows.machine_tokens import TokenScope, require

router = APIRouter(prefix="/exports", tags=["exports"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.EXPORTS_READ))]
PAGE = 5000
MEDIA: Mapping[Format, str] = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


@router.get(
    "/statements",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}, "description": "The file."}},
)
def export_statements(
    world: WorldDep,
    token: ReaderDep,
    now: NowDep,
    kind: Annotated[Format, Query(alias="format")] = "csv",
    after: Annotated[int, Query(ge=0, le=2**53 - 1)] = 0,
) -> StreamingResponse:
    """Every statement after a number, oldest first. That it was read stands in the log before the first row leaves."""
    require(token, TokenScope.EXPORTS_READ, site="")
    world.store.run(begin_export, token=token.id, at=now)
    return StreamingResponse(write_table(_pages(world, after), kind), media_type=MEDIA[kind])


def _pages(world: World, after: int) -> Iterator[Sequence[Mapping[str, str]]]:
    while True:
        rows, last = world.store.read(export_page, after=after, limit=PAGE)
        yield rows
        if len(rows) < PAGE:
            return
        after = last
