"""Notices: every version that was ever published, and what changed from one to the next."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.portal.reader import MemberPageDep
from consent_center.portal.told import told
from consent_center.web.failures import NotFoundError

router = APIRouter()


@router.get("/notices/{code}/{version}", response_class=HTMLResponse)
def show_notice(code: str, version: int, page: MemberPageDep) -> Response:
    """One version of a notice in full."""
    choices = page.choices()
    names = page.names(choices)
    notices = names.catalogue.notices
    notice = notices.get((code, version))
    if notice is None or notice.published_at > page.at:
        raise NotFoundError
    versions = sorted(
        (one.version, f"/notices/{code}/{one.version}", one.published_at)
        for (name, _), one in notices.items()
        if name == code and one.published_at <= page.at
    )
    return page.show("portal/notices/page.html", here="data", told=told(notice, names), versions=versions[::-1])
