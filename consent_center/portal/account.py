"""Where she is signed in, her passkeys, her limits, and who of the staff looked at her data."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from consent_center.portal.lines import lines_of
from consent_center.portal.reader import MaybeNumber, MemberPage, MemberPageDep, OwnPageDep, PostedDep
from consent_center.storage.sessions import Passkey
from consent_center.web.cookies import SESSION
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import FieldError
from consent_center.web.tokens import fingerprint
from consent_center.workflows.clear_decisions import PROGRAMME_LIMIT
from consent_center.workflows.keep_session import revoke_passkey, sign_in_ways, sign_out_everywhere
from consent_center.workflows.set_offer_limit import MOST, offer_limit, set_offer_limit
from consent_center.workflows.show_history import show_history
from consent_center.workflows.sign_in import PasskeyRefusedError, add_passkey, begin

router = APIRouter()
_LABEL_LIMIT = 60
_READS = frozenset({"member.read"})


@router.get("/account", response_class=HTMLResponse)
def show_account(page: MemberPageDep) -> Response:
    """Sessions and passkeys of whoever is signed in, also while she acts for somebody."""
    return _account(page)


@router.post("/account/passkeys")
def make_passkey(page: MemberPageDep, form: PostedDep) -> Response:
    """The two steps of adding a passkey, both as JSON for the page's script."""
    holder, me = fingerprint(page.secret), page.session.member
    party = page.wiring.party
    if form.choice("step", ("options", "answer")) == "options":
        _, known = page.wiring.store.read(sign_in_ways, member=me)
        challenge, options = party.ask_to_add(me, known=[one for one in known if one.revoked_at is None])
        page.wiring.store.run(begin, holder=holder, kind="passkey-add", payload=challenge, at=page.at)
        return JSONResponse(options)
    label = form.text("label", limit=_LABEL_LIMIT) or page.words("account.passkey").unescape()
    answer = form.text("answer", limit=32_000, required=True)

    def make(challenge: str) -> Passkey:
        return party.check_new(answer, challenge, member=me, label=label, at=page.at)

    page.wiring.store.run(add_passkey, make=make, holder=holder, at=page.at)
    return JSONResponse({"go": "/account"})


@router.post("/account/passkeys/{credential}/revoke")
def drop_passkey(credential: str, page: MemberPageDep, form: PostedDep) -> Response:
    """Take a passkey out of force, for instance a lost one."""
    del form
    try:
        raw = urlsafe_b64decode(credential + "=" * (-len(credential) % 4))
    except ValueError as error:
        raise PasskeyRefusedError("no such passkey; see your account") from error
    if not page.wiring.store.run(revoke_passkey, credential=raw, member=page.session.member, at=page.at):
        raise NotFoundError
    return page.go("/account")


@router.post("/account/sign-out-everywhere")
def leave_everywhere(page: MemberPageDep, form: PostedDep) -> Response:
    """Sign out in every browser, this one included."""
    del form
    page.wiring.store.run(sign_out_everywhere, member=page.session.member)
    response = page.go("/sign-in")
    page.house.cookies.drop(response, SESSION)
    return response


@router.get("/limits", response_class=HTMLResponse)
def show_limits(page: OwnPageDep) -> Response:
    """The most offers a month."""
    return _limits(page)


@router.post("/limits")
def save_limits(page: OwnPageDep, form: PostedDep) -> Response:
    """Keep the limit and show what is stored."""
    try:
        most = form.number("most", least=0, most=MOST)
    except FieldError as problem:
        return _limits(page, typed=form.fields.get("most", "")[:20], problems=[problem])
    page.wiring.store.run(set_offer_limit, page.member, most=most, at=page.at)
    return page.go("/limits")


@router.get("/seen", response_class=HTMLResponse)
def show_seen(page: OwnPageDep, below: MaybeNumber = None) -> Response:
    """Who of the staff looked at her data, which part, and why."""
    found = page.wiring.store.read(show_history, page.member, kinds=_READS, before=below, limit=30)
    lines = lines_of(found.lines, page.named(found.catalogue), page.formats)
    return page.show("portal/account/seen.html", lines=lines, older=found.more_below)


def _account(page: MemberPage) -> HTMLResponse:
    where, passkeys = page.wiring.store.read(sign_in_ways, member=page.session.member)
    named = [(one, urlsafe_b64encode(one.credential).decode().rstrip("=")) for one in passkeys]
    return page.show(
        "portal/account/page.html",
        sessions=where,
        this=page.session.fingerprint,
        passkeys=[(one, name) for one, name in named if one.revoked_at is None],
        label_limit=_LABEL_LIMIT,
        number=page.session.member,
    )


def _limits(page: MemberPage, *, typed: str | None = None, problems: list[FieldError] | None = None) -> HTMLResponse:
    stored = page.wiring.store.read(offer_limit, page.member)
    return page.show(
        "portal/account/limits.html",
        status=422 if problems else 200,
        problems=problems,
        stored=stored,
        typed=typed if typed is not None else "" if stored is None else str(stored),
        most=MOST,
        usual=PROGRAMME_LIMIT,
    )
