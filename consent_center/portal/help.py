"""Help and a person to talk to: for everybody, signed in or not; and why membership itself needs data."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.portal.home import required_rows
from consent_center.portal.reader import MemberPageDep, SignedOutError, member_page, visit_page
from consent_center.web.wiring import NowDep, WiringDep

router = APIRouter()


@router.get("/help", response_class=HTMLResponse)
def show_help(request: Request, wiring: WiringDep, at: NowDep) -> Response:
    """How to reach a person, and how to read the pages."""
    try:
        return member_page(request, wiring, at).show("portal/about/help.html")
    except SignedOutError:
        return visit_page(request, wiring, at).draw("portal/about/help.html")


@router.get("/required", response_class=HTMLResponse)
def show_required(page: MemberPageDep) -> Response:
    """What membership itself needs, and on which basis."""
    rows = required_rows(page, page.names(page.choices()))
    return page.show("portal/about/required.html", here="data", rows=rows)
