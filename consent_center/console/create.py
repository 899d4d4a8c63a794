"""The console as an application of its own, mounted at /console: its routes, and what it says when something fails."""

import logging
import secrets
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from consent_center.console import (
    audits,
    contracts,
    decisions,
    definitions,
    log,
    members,
    models,
    oversight,
    people,
    reviews,
    rules,
    sign_in,
    studies,
    today,
)
from consent_center.console.desk import HOME, StaffSignedOutError, open_visit, staff_page, visit_page
from consent_center.errors import ConsentCenterError, ForbiddenError, UnknownError
from consent_center.web.catalogue import words
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import ForgedFormError, FormError
from consent_center.web.pace import TooFastError
from consent_center.web.pages import language_of
from consent_center.web.wiring import Wiring
from consent_center.workflows.sign_in import SignInError
from consent_center.workflows.staff_sign_in import StaffLinkError

_log = logging.getLogger("consent_center.console")
_TOLD: tuple[tuple[type[Exception], int, str], ...] = (
    (StaffLinkError, 410, "console.failure.link"),
    (SignInError, 403, "console.failure.identity"),
    (ForbiddenError, 403, "console.failure.forbidden"),
    (NotFoundError, 404, "console.failure.missing"),
    (UnknownError, 404, "console.failure.missing"),
    (ForgedFormError, 403, "console.failure.forged"),
    (FormError, 400, "console.failure.malformed"),
    (TooFastError, 429, "failure.too_fast"),
    (ConsentCenterError, 409, "console.failure.rule"),
)


def create_console(wiring: Wiring) -> FastAPI:
    """The staff's pages on this world."""
    app = FastAPI(title="Accord console", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.wiring = wiring
    for part in (
        today,
        sign_in,
        studies,
        oversight,
        audits,
        models,
        decisions,
        log,
        contracts,
        reviews,
        definitions,
        rules,
        people,
        members,
    ):
        app.include_router(part.router)
    for error in (StaffSignedOutError, ConsentCenterError, FormError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(error, tell)
    return app


async def tell(request: Request, error: Exception) -> Response:
    """Any error as a page in the reader's language, or as a short answer to a page's script."""
    if isinstance(error, StaffSignedOutError):
        return RedirectResponse(f"{HOME}/sign-in", status_code=303)
    status, key, said, number = 500, "console.failure.fault", "", ""
    if isinstance(error, HTTPException | RequestValidationError):
        status, key = 404, "console.failure.missing"
    for kind, known_status, known_key in _TOLD:
        if isinstance(error, kind):
            status, key, said = known_status, known_key, str(error) if isinstance(error, ConsentCenterError) else ""
            break
    else:
        if status == 500:
            number = secrets.token_hex(4)
            _log.error("fault %s: %s", number, type(error).__name__, exc_info=error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooFastError) else {}
    if request.method == "POST" and request.headers.get("sec-fetch-mode") == "cors":
        told = words(language_of(request, request.app.state.wiring.house.cookies)).refusal(said) or ""
        return JSONResponse({"refused": said or key, "told": told}, status_code=status, headers=headers)
    drawn = await run_in_threadpool(_draw, request, status, key, said, number)
    drawn.headers.update(headers)
    return drawn


def _draw(request: Request, status: int, key: str, said: str, number: str) -> Response:
    wiring = request.app.state.wiring
    context: dict[str, Any] = {"key": key, "said": said, "number": number}
    try:
        return staff_page(request, wiring, wiring.clock()).show("console/about/failure.html", status=status, **context)
    except Exception:  # noqa: BLE001 - the page that tells of an error must be drawn whatever is broken
        visit = visit_page(request, wiring, wiring.clock())
        return open_visit(visit, visit.draw("console/about/failure.html", status=status, **context))
