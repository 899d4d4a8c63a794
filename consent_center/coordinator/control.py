"""How runs are started and watched: three routes over TLS, for operators and never for sites.

    GET  /health              which sites are connected; with ?site=NAME 503 unless this one is
    POST /runs                {"study": ..., "sites": [...]}: drive a run under the token that came with it
    GET  /runs/events?from=N  what happened in it; waits for news

The bearer token is the run's own (`accord run start` gets it from the consent centre). It is checked by the consent
centre when admission is asked for; a made-up one starts a run that is refused before anything is charged.
"""

import json
from collections.abc import Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from consent_center.coordinator.driving import Runs, TooManyRunsError, UnknownTokenError

HOLD_S = 20.0
LARGEST_BODY = 64 * 1024
MOST_SITES = 64


def create_control(runs: Runs, online: Callable[[], dict[str, bool]]) -> Starlette:
    """The application.

    Args:
        runs: of this coordinator.
        online: approved site -> is it connected?
    """

    async def health(request: Request) -> Response:
        sites, asked = online(), request.query_params.get("site", "")
        well = not asked or sites.get(asked, False)
        return JSONResponse({"sites": sites}, HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)

    async def start(request: Request) -> Response:
        token = _token(request)
        if not token:
            return _problem(HTTPStatus.UNAUTHORIZED, "send the run's token as: Authorization: Bearer ...")
        body = await _body(request)
        if body is None:
            return _problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "this is no request to start a run")
        asked = _asked(body)
        if asked is None:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "a run has a study and its sites")
        study, sites = asked
        try:
            await run_in_threadpool(runs.start, study, sites, token)
        except TooManyRunsError as full:
            return _problem(HTTPStatus.TOO_MANY_REQUESTS, str(full))
        return JSONResponse({"study": study}, HTTPStatus.ACCEPTED)

    async def events(request: Request) -> Response:
        number = request.query_params.get("from", "0")
        if not (number.isascii() and number.isdigit()) or len(number) > 9:
            return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, "from is a whole number")
        try:
            driven = runs.find(_token(request))
        except UnknownTokenError as unknown:
            return _problem(HTTPStatus.NOT_FOUND, str(unknown))
        found = await run_in_threadpool(driven.after, int(number), wait_s=HOLD_S)
        return JSONResponse({"events": found})

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/runs", start, methods=["POST"]),
            Route("/runs/events", events),
        ]
    )


async def _body(request: Request) -> bytes | None:
    """What was sent; None if it is too long, and then it is not read to its end."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return body


def _asked(body: bytes) -> tuple[str, tuple[str, ...]] | None:
    try:
        asked = json.loads(body)
        study, sites = asked["study"], asked["sites"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    names = isinstance(sites, list) and len(sites) <= MOST_SITES and all(isinstance(one, str) for one in sites)
    return (study, tuple(sites)) if isinstance(study, str) and names else None


def _token(request: Request) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token if kind == "Bearer" else ""


def _problem(status: HTTPStatus, detail: str) -> Response:
    return JSONResponse({"status": int(status), "detail": detail}, status, media_type="application/problem+json")
