"""Signing in and out. Whether an address belongs to a member shows nowhere: same page, same headers, same work."""

import hmac
import unicodedata
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import RedirectResponse, Response

from consent_center.portal.reader import (
    MemberPageDep,
    PostedDep,
    SignedOutError,
    VisitPageDep,
    browser_secret,
    member_page,
    open_visit,
)
from consent_center.web.catalogue import words
from consent_center.web.cookies import SESSION, VISIT
from consent_center.web.forms import FieldError
from consent_center.web.languages import Language
from consent_center.web.pages import Page, local_path
from consent_center.web.passkeys import credential_of
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.web.wiring import NowDep, Wiring, WiringDep
from consent_center.workflows.keep_session import IDLE, sign_out
from consent_center.workflows.sign_in import (
    LINK_LIVES,
    ask_for_link,
    begin,
    check_link,
    sign_in_by_identity,
    sign_in_by_link,
    sign_in_by_passkey,
    take_begun,
)

router = APIRouter()
_MINUTE_S = 60


def signed_in_already(request: Request, wiring: WiringDep, at: NowDep) -> bool:
    """Whether somebody is signed in; she needs no sign-in page."""
    try:
        member_page(request, wiring, at)
    except SignedOutError:
        return False
    return True


def address_tag(key: bytes, address: str) -> bytes:
    """What is kept of an e-mail address: a keyed tag, the same however it is capitalised."""
    plain = unicodedata.normalize("NFKC", address).strip().casefold()
    return hmac.digest(key, b"accord address v1\x00" + plain.encode("utf-8", "replace"), sha256)


@router.get("/sign-in", response_class=HTMLResponse)
def show_sign_in(
    page: VisitPageDep,
    wiring: WiringDep,
    already: Annotated[bool, Depends(signed_in_already)],
    to: str = "/",
) -> Response:
    """The ways to sign in."""
    if already:
        return RedirectResponse("/", status_code=303)
    path = local_path(to)
    if path != "/":
        wiring.store.run(begin, holder=fingerprint(page.secret), kind="to", payload=path, at=page.at)
    return open_visit(page, _sign_in_page(page, wiring))


@router.post("/sign-in/link")
def send_link(page: VisitPageDep, wiring: WiringDep, form: PostedDep, tasks: BackgroundTasks) -> Response:
    """Send a one-time link, if the address is a member's; say the same if it is not."""
    email = form.fields.get("email", "").strip()
    if not _is_address(email):
        refused = [FieldError("email", "error.email")]
        return open_visit(page, _sign_in_page(page, wiring, email=email[:254], problems=refused, status=422))
    secret = new_secret()
    is_known = wiring.store.run(
        ask_for_link,
        link=fingerprint(secret),
        tag=address_tag(wiring.address_key, email),
        visit=fingerprint(page.secret),
        at=page.at,
    )
    if is_known:
        tasks.add_task(_send, wiring, page.language, email, secret, page)
    return RedirectResponse("/sign-in/sent", status_code=303)


@router.get("/sign-in/sent", response_class=HTMLResponse)
def show_sent(page: VisitPageDep, wiring: WiringDep) -> Response:
    """What to do now; the same whether a mail was sent or not."""
    outbox = str(wiring.outbox) if wiring.outbox is not None else None
    minutes = int(LINK_LIVES.total_seconds()) // _MINUTE_S
    return page.draw("portal/sign_in/sent.html", minutes=minutes, outbox=outbox)


@router.get("/sign-in/link/{secret}", response_class=HTMLResponse)
def show_link(secret: str, page: VisitPageDep, wiring: WiringDep, request: Request) -> Response:
    """A link was opened; it is used by the button, because mail programs open links too."""
    wiring.store.read(check_link, link=fingerprint(secret), visit=_visit(request, wiring), at=page.at)
    return open_visit(page, page.draw("portal/sign_in/link.html", action=f"/sign-in/link/{secret}"))


@router.post("/sign-in/link/{secret}")
def use_link(secret: str, page: VisitPageDep, wiring: WiringDep, form: PostedDep, request: Request) -> Response:
    """Sign in with a link."""
    del form
    session = new_secret()
    wiring.store.run(
        sign_in_by_link,
        link=fingerprint(secret),
        visit=_visit(request, wiring),
        session=fingerprint(session),
        at=page.at,
    )
    return _signed_in(page, wiring, session, RedirectResponse(_to(page, wiring), status_code=303))


@router.post("/sign-in/passkey")
def use_passkey(page: VisitPageDep, wiring: WiringDep, form: PostedDep) -> Response:
    """The two steps of signing in with a passkey, both as JSON for the page's script."""
    holder = fingerprint(page.secret)
    if form.choice("step", ("options", "answer")) == "options":
        challenge, options = wiring.party.ask_to_sign_in()
        wiring.store.run(begin, holder=holder, kind="passkey-get", payload=challenge, at=page.at)
        return JSONResponse(options)
    answer = form.text("answer", limit=16_000, required=True)
    session = new_secret()
    wiring.store.run(
        sign_in_by_passkey,
        credential=credential_of(answer),
        check=lambda challenge, passkey: wiring.party.check_sign_in(answer, challenge, passkey),
        holder=holder,
        session=fingerprint(session),
        at=page.at,
    )
    return _signed_in(page, wiring, session, JSONResponse({"go": _to(page, wiring)}))


@router.get("/sign-in/oidc")
def start_oidc(page: VisitPageDep, wiring: WiringDep) -> Response:
    """Lead to the identity provider."""
    if wiring.provider is None:
        return RedirectResponse("/sign-in", status_code=303)
    url, begun = wiring.provider.begin()
    wiring.store.run(begin, holder=fingerprint(page.secret), kind="oidc", payload=begun, at=page.at)
    response = RedirectResponse(url, status_code=303)
    wiring.house.cookies.put_secret(response, VISIT, page.secret)
    return response


@router.get("/sign-in/oidc/back")
def finish_oidc(request: Request, page: VisitPageDep, wiring: WiringDep) -> Response:
    """The identity provider sent the browser back."""
    if wiring.provider is None:
        return RedirectResponse("/sign-in", status_code=303)
    provider, answer = wiring.provider, dict(request.query_params)
    session = new_secret()
    wiring.store.run(
        sign_in_by_identity,
        identify=lambda begun: provider.identify(begun, answer, at=page.at),
        holder=fingerprint(page.secret),
        session=fingerprint(session),
        at=page.at,
    )
    return _signed_in(page, wiring, session, RedirectResponse(_to(page, wiring), status_code=303))


@router.post("/sign-out")
def leave(page: MemberPageDep, form: PostedDep) -> Response:
    """Sign this browser out."""
    del form
    page.wiring.store.run(sign_out, fingerprint=page.session.fingerprint)
    response = RedirectResponse("/sign-in", status_code=303)
    page.house.cookies.drop(response, SESSION)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def _sign_in_page(
    page: Page, wiring: Wiring, *, email: str = "", problems: list[FieldError] | None = None, status: int = 200
) -> HTMLResponse:
    return page.draw(
        "portal/sign_in/page.html",
        status=status,
        problems=problems,
        email=email,
        oidc=wiring.provider.name if wiring.provider else None,
        out_after=int(IDLE.total_seconds()) // _MINUTE_S if "out" in page.request.query_params else None,
    )


def _signed_in(page: Page, wiring: Wiring, session: str, response: Response) -> Response:
    cookies = wiring.house.cookies
    cookies.put_secret(response, SESSION, session)
    if cookies.name(VISIT) in page.request.cookies:
        cookies.drop(response, VISIT)
    return response


def _to(page: Page, wiring: Wiring) -> str:
    """Where she wanted to go before she had to sign in."""
    begun = wiring.store.run(take_begun, holder=fingerprint(page.secret), kind="to", at=page.at)
    return local_path(begun or "/")


def _visit(request: Request, wiring: Wiring) -> bytes | None:
    secret = browser_secret(request, wiring)
    return None if secret is None else fingerprint(secret)


def _send(wiring: Wiring, language: Language, email: str, secret: str, page: Page) -> None:
    t = words(language)
    link = f"{wiring.house.origin}/sign-in/link/{secret}"
    programme = wiring.house.names[language]
    minutes = int(LINK_LIVES.total_seconds()) // _MINUTE_S
    subject = t("mail.link.subject", programme=programme).unescape()
    text = t("mail.link.text", programme=programme, minutes=minutes, phone=wiring.house.phone).unescape()
    wiring.post.send(email, subject, f"{text.replace('[link]', link)}\n", at=page.at)


def _is_address(text: str) -> bool:
    name, at_sign, host = text.rpartition("@")
    plain = all(33 <= ord(letter) != 127 and not letter.isspace() for letter in text)
    return bool(name and at_sign and "." in host.strip(".") and plain and len(text) <= 254)
