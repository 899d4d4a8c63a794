"""The API as an application of its own, to be mounted at `/v1`."""

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from consent_center.api import (
    analytics,
    cohorts,
    definitions,
    delegations,
    exports,
    gate,
    imports,
    members,
    notices,
    presence,
    processing,
    propagation,
    reviews,
    statements,
    verdicts,
)
from consent_center.api.world import PROBLEM_RESPONSES, World
from consent_center.errors import ConsentCenterError, TooLargeError
from consent_center.web import problems

LARGEST_BODY = 4 * 1024 * 1024
LARGEST_MODEL = 64 * 1024 * 1024
LARGEST_IMPORT = 2 * 1024 * 1024 * 1024
DESCRIPTION = """Consents, verdicts and cohorts of a loyalty programme, for machines.

Authenticate with a bearer token. Send an `Idempotency-Key` with every write that takes one. Refusals are problem
documents (RFC 9457) whose `code` never changes its meaning.
"""


def create_api(world: World) -> FastAPI:
    """The application that answers `/v1`.

    Args:
        world: the store, the clock and the keys it works with.
    """
    app = FastAPI(
        title="Accord",
        version="1",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=dict(PROBLEM_RESPONSES),
    )
    app.state.world = world
    for part in (
        definitions,
        notices,
        reviews,
        processing,
        members,
        delegations,
        presence,
        statements,
        verdicts,
        cohorts,
        propagation,
        imports,
        exports,
        analytics,
        gate,
    ):
        app.include_router(part.router)
    answer_problems(app)
    app.add_middleware(BodyLimit)
    return app


def answer_problems(app: FastAPI) -> None:
    """Tell every refusal of an application as a problem document."""
    app.add_exception_handler(ConsentCenterError, _refused)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _refused)


async def _refused(_: Request, error: Exception) -> JSONResponse:
    kind = problems.kind_of(error)
    headers = {}
    if kind.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if kind.status is HTTPStatus.TOO_MANY_REQUESTS:
        headers["Retry-After"] = str(getattr(error, "retry_after_s", 1))
    return _problem(problems.document_of(error), headers)


async def _malformed(_: Request, error: Exception) -> JSONResponse:
    """Where the payload is wrong, and how; never what it said."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    wrong = [{"where": ".".join(str(part) for part in one["loc"])[:200], "what": one["type"]} for one in found[:20]]
    detail = "; ".join(f"{one['where']}: {one['what']}" for one in wrong[:3]) or "not readable"
    return _problem(problems.document(problems.PAYLOAD, detail, errors=wrong))


async def _http(_: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.INTERNAL_SERVER_ERROR
    known = {
        HTTPStatus.NOT_FOUND: problems.NO_SUCH_PATH,
        HTTPStatus.METHOD_NOT_ALLOWED: problems.NO_SUCH_METHOD,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE: problems.MEDIA,
        HTTPStatus.BAD_REQUEST: problems.PAYLOAD,
    }
    if isinstance(error, _BodyTooLargeError):
        return _problem(problems.document_of(_too_large(error.limit)), {"Connection": "close"})
    kind = known.get(HTTPStatus(status), problems.INTERNAL)
    headers = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
    return _problem(problems.document(kind, "see the description of this interface: openapi.json"), headers)


def _problem(document: dict[str, Any], headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(document, document["status"], headers, media_type=problems.MEDIA_TYPE)


class _BodyTooLargeError(HTTPException):
    """Found while the body was read. What reads it for a route lets no other kind of error through."""

    def __init__(self, limit: int) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        self.limit = limit


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"at most {limit} bytes are read: send less at once")


class BodyLimit:
    """Refuses a body that is longer than it may be, before and while it is read.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a bounded body."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = LARGEST_IMPORT if "/imports/" in scope["path"] else LARGEST_BODY
        if scope["path"].endswith("/gate/settle-run"):
            limit = LARGEST_MODEL
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            await self._refuse(scope, receive, send, limit)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise _BodyTooLargeError(limit)
            return message

        await self.app(scope, bounded, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        document = problems.document_of(_too_large(limit))
        await _problem(document, {"Connection": "close"})(scope, receive, send)
