"""All pages of the portal, and what it answers when something goes wrong."""

import logging
import secrets

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from consent_center.errors import ConsentCenterError
from consent_center.portal import (
    account,
    answers,
    choices,
    decisions,
    family,
    history,
    home,
    notices,
    receipts,
    rights,
    sign_in,
    tags,
    trainings,
)
from consent_center.portal import (
    help as help_pages,
)
from consent_center.portal.reader import SignedOutError, member_page, open_visit, visit_page
from consent_center.web.failures import BY_STATUS, FAULT, Failure, failure_of
from consent_center.web.forms import FormError
from consent_center.web.pace import TooFastError

router = APIRouter(include_in_schema=False)
for part in (
    home,
    answers,
    choices,
    notices,
    history,
    receipts,
    trainings,
    decisions,
    tags,
    rights,
    account,
    family,
    help_pages,
    sign_in,
):
    router.include_router(part.router)

TOLD: tuple[type[Exception], ...] = (
    ConsentCenterError,
    FormError,
    SignedOutError,
    HTTPException,
    RequestValidationError,
    Exception,
)
"""What `tell` answers: everything; the last is for faults of ours, which the server also sees."""

_log = logging.getLogger("consent_center.portal")


async def tell(request: Request, error: Exception) -> Response:
    """Any error as a page in the reader's language, or as a short answer to a page's script."""
    if isinstance(error, SignedOutError):
        suffix = "&out=1" if error.had_session else ""
        return RedirectResponse(f"/sign-in?to={error.path}{suffix}", status_code=303)
    failure, values = _failure(error)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooFastError) else {}
    if "json" in request.headers.get("accept", "") and request.method == "POST":
        return JSONResponse({"refused": failure.text}, status_code=failure.status, headers=headers)
    drawn = await run_in_threadpool(_draw, request, failure, values)
    drawn.headers.update(headers)
    return drawn


def _failure(error: Exception) -> tuple[Failure, dict[str, object]]:
    if isinstance(error, HTTPException):
        return BY_STATUS.get(error.status_code, BY_STATUS[404]), {}
    if isinstance(error, RequestValidationError):
        return BY_STATUS[422], {}
    if (known := failure_of(error)) is not None:
        return known, {}
    number = secrets.token_hex(4)
    _log.error("fault %s: %s", number, type(error).__name__, exc_info=error)
    return FAULT, {"number": number}


def _draw(request: Request, failure: Failure, values: dict[str, object]) -> Response:
    wiring = request.app.state.wiring
    try:
        page = member_page(request, wiring, wiring.clock())
        return page.show(
            "portal/about/failure.html", status=failure.status, text=failure.text, values=values, ways=failure.ways
        )
    except Exception:  # noqa: BLE001 - the page that tells of an error must be drawn whatever is broken
        visit = visit_page(request, wiring, wiring.clock())
        return open_visit(
            visit,
            visit.draw(
                "portal/about/failure.html", status=failure.status, text=failure.text, values=values, ways=failure.ways
            ),
        )
