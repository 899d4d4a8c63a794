"""The published log over HTTP, in the paths of C2SP tlog-tiles: `/log/checkpoint`, `/log/tile/...`.

Checkpoints and hash tiles are public: they tell how long the log is, and nothing about anybody. The entries themselves
are for authorised auditors, who send a token with the scope `log:read`. Tiles never change and may be kept for good.

Any web server may serve the same directory in place of this, as long as it keeps `tile/entries` to auditors.
"""

from http import HTTPStatus
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.security import HTTPAuthorizationCredentials

from audit.errors import FormatError
from audit.log.tiles import TileName
from consent_center.api.create import answer_problems
from consent_center.api.world import NowDep, World, WorldDep, token_of
from consent_center.api.world import bearer as bearer_scheme
from consent_center.errors import UnknownError
from consent_center.workflows.machine_tokens import TokenScope, require

FOR_GOOD = "max-age=31536000, immutable"
BRIEFLY = "public, max-age=1"
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer_scheme)]


class UnknownTileError(UnknownError):
    """The log has no such file (yet), or nothing is published here."""

    what = "file of the log"


def create_log(world: World, directory: Path | None) -> FastAPI:
    """The application that answers `/log`.

    Args:
        world: the store and the clock, for tokens.
        directory: where the log is published; None if it is not published here.
    """
    app = FastAPI(title="Accord log", version="1", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.world = world

    @app.api_route("/checkpoint", methods=["GET", "HEAD"])
    def read_checkpoint() -> Response:
        """The signed head of the log, with the cosignatures of witnesses."""
        return _file(directory, "checkpoint", media_type="text/plain; charset=utf-8", cache=BRIEFLY)

    @app.api_route("/tile/{path:path}", methods=["GET", "HEAD"])
    async def read_tile(path: str, wanted: WorldDep, now: NowDep, given: Bearer) -> Response:
        """A tile of hashes, or for auditors a bundle of entries."""
        try:
            name = TileName.parse(f"tile/{path}")
        except FormatError:
            raise UnknownTileError("", "this is not the path of a tile") from None
        cache = f"public, {FOR_GOOD}"
        if name.level is None:
            require(await token_of(wanted, now, given), TokenScope.LOG_READ, site="")
            cache = f"private, {FOR_GOOD}"
        return _file(directory, name.path(), media_type="application/octet-stream", cache=cache)

    answer_problems(app)
    return app


def _file(directory: Path | None, path: str, *, media_type: str, cache: str) -> Response:
    place = None if directory is None else directory / path
    if place is None or not place.is_file():
        raise UnknownTileError("", "not published, or replaced by the full tile")
    headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "*"}
    return FileResponse(place, status_code=HTTPStatus.OK, media_type=media_type, headers=headers)
