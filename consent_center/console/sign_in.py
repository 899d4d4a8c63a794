"""Signing in to the console: a one-time link in development, the programme's identity provider in earnest."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from starlette.responses import RedirectResponse, Response

from consent_center.console.desk import HOME, STAFF, PostedDep, SignedInDep, VisitDep, open_visit
from consent_center.web.cookies import VISIT
from consent_center.web.pages import Page
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import Wiring, WiringDep
from consent_center.workflows.staff_sign_in import (
    begin_staff_identity,
    check_staff_link,
    sign_in_by_staff_identity,
    sign_in_by_staff_link,
    sign_staff_out,
)

router = APIRouter()


@router.get("/sign-in", response_class=HTMLResponse)
def show_sign_in(page: VisitDep, wiring: WiringDep) -> Response:
    """The ways in."""
    provider = wiring.staff_provider.name if wiring.staff_provider else None
    return open_visit(page, page.draw("console/sign_in/page.html", provider=provider))


@router.get("/sign-in/link/{secret}", response_class=HTMLResponse)
def show_link(secret: str, page: VisitDep, wiring: WiringDep) -> Response:
    """A link was opened; it is used by the button."""
    person = wiring.store.read(check_staff_link, link=fingerprint(secret), at=page.at)
    action = f"{HOME}/sign-in/link/{secret}"
    return open_visit(page, page.draw("console/sign_in/link.html", name=person.name, action=action))


@router.post("/sign-in/link/{secret}")
def use_link(secret: str, page: VisitDep, wiring: WiringDep, form: PostedDep) -> Response:
    """Sign in with a link."""
    del form
    session = new_secret()
    wiring.store.run(sign_in_by_staff_link, link=fingerprint(secret), session=fingerprint(session), at=page.at)
    return _signed_in(page, wiring, session)


@router.get("/sign-in/oidc")
def start_oidc(page: VisitDep, wiring: WiringDep) -> Response:
    """Lead to the identity provider."""
    if wiring.staff_provider is None:
        return RedirectResponse(f"{HOME}/sign-in", status_code=303)
    url, begun = wiring.staff_provider.begin()
    wiring.store.run(begin_staff_identity, holder=fingerprint(page.secret), payload=begun, at=page.at)
    response = RedirectResponse(url, status_code=303)
    wiring.house.cookies.put_secret(response, VISIT, page.secret)
    return response


@router.get("/sign-in/oidc/back")
def finish_oidc(request: Request, page: VisitDep, wiring: WiringDep) -> Response:
    """The identity provider sent the browser back."""
    if wiring.staff_provider is None:
        return RedirectResponse(f"{HOME}/sign-in", status_code=303)
    provider, answer, session = wiring.staff_provider, dict(request.query_params), new_secret()
    wiring.store.run(
        sign_in_by_staff_identity,
        identify=lambda begun: provider.identify(begun, answer, at=page.at),
        holder=fingerprint(page.secret),
        session=fingerprint(session),
        at=page.at,
    )
    return _signed_in(page, wiring, session)


@router.post("/sign-out")
def leave(page: SignedInDep, form: PostedDep) -> Response:
    """Sign this browser out."""
    del form
    page.wiring.store.run(sign_staff_out, fingerprint=fingerprint(page.secret))
    response = RedirectResponse(f"{HOME}/sign-in", status_code=303)
    page.house.cookies.drop(response, STAFF)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _signed_in(page: Page, wiring: Wiring, session: str) -> Response:
    response = RedirectResponse(f"{HOME}/", status_code=303)
    wiring.house.cookies.put_secret(response, STAFF, session)
    if wiring.house.cookies.name(VISIT) in page.request.cookies:
        wiring.house.cookies.drop(response, VISIT)
    return response
