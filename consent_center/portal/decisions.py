"""Decisions about her and the tags held about her. What no other part delivers yet is said to be "not yet"."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.portal.lines import DECISIONS, lines_of
from consent_center.portal.reader import OwnPageDep
from consent_center.workflows.show_history import show_history

router = APIRouter()


@router.get("/decisions", response_class=HTMLResponse)
def show(page: OwnPageDep) -> Response:
    """Every automated decision that was recorded about her."""
    found = page.wiring.store.read(show_history, page.member, kinds=DECISIONS, limit=30)
    lines = lines_of(found.lines, page.named(found.catalogue), page.formats)
    return page.show(
        "portal/decisions/page.html", here="decisions", lines=lines, switch_is=page.choices().no_personalised
    )
