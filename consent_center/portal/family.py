"""Family and delegates: for whom she may speak, and who may speak for her, each with its evidence and its end."""

import re
from datetime import timedelta
from hashlib import sha256

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.consent.delegation import Delegation, DelegationKind
from consent_center.errors import ActorError
from consent_center.portal.reader import MemberPage, MemberPageDep, PostedDep
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import FieldError
from consent_center.workflows.delegate import delegate, end_delegation
from consent_center.workflows.keep_session import act_for, family_of

router = APIRouter()
_MEMBER = re.compile(r"[0-9a-f]{32}", re.ASCII)
_MONTH = timedelta(days=30)
_MOST_MONTHS = 24


@router.get("/family", response_class=HTMLResponse)
def show_family(page: MemberPageDep) -> Response:
    """Both directions, for whoever is signed in."""
    return _page(page)


@router.post("/family/act")
def act(page: MemberPageDep, form: PostedDep) -> Response:
    """Look at somebody's pages, or at one's own again."""
    wanted = form.fields.get("delegation", "") or None
    page.wiring.store.run(act_for, session=page.session, delegation=wanted, at=page.at)
    return page.go("/")


@router.post("/family/delegates")
def name_delegate(page: MemberPageDep, form: PostedDep) -> Response:
    """Let another member answer for her. The evidence is the sentence she agreed to, by its digest."""
    problems = []
    number = re.sub(r"\s", "", form.fields.get("number", "")).lower()[:64]
    if not _MEMBER.fullmatch(number) or number == page.session.member:
        problems.append(FieldError("number", "error.number_of_member"))
    months = 0
    try:
        months = form.number("months", least=1, most=_MOST_MONTHS)
    except FieldError as problem:
        problems.append(problem)
    if form.fields.get("agreed") != "yes":
        problems.append(FieldError("agreed", "error.agree"))
    if problems:
        return _page(page, number=number, months=form.fields.get("months", "")[:9], problems=problems)
    ends = page.at + months * _MONTH
    sentence = page.words("family.sentence").unescape()
    evidence = f"{sentence}\n{page.session.member}\n{number}\n{page.at.isoformat()}\n{ends.isoformat()}\n"
    page.wiring.store.run(
        delegate,
        page.session.member,
        kind=DelegationKind.DELEGATE,
        to=number,
        evidence=sha256(evidence.encode()).hexdigest(),
        ends=ends,
        at=page.at,
    )
    return page.go("/family")


@router.post("/family/{delegation}/end")
def end(delegation: str, page: MemberPageDep, form: PostedDep) -> Response:
    """Take a delegation back: hers to give, hers to end. A guardian's ends with its date or at the desk."""
    del form
    _, mine = page.wiring.store.read(family_of, member=page.session.member)
    found = next((one for one in mine if one.id == delegation), None)
    if found is None:
        raise NotFoundError
    if found.kind is DelegationKind.GUARDIAN:
        raise ActorError("a guardian's delegation ends with its date, or with evidence at the desk")
    page.wiring.store.run(end_delegation, delegation, at=page.at)
    return page.go("/family")


def _page(
    page: MemberPage, *, number: str = "", months: str = "6", problems: list[FieldError] | None = None
) -> HTMLResponse:
    speaks_for, mine = page.wiring.store.read(family_of, member=page.session.member)

    def current(some: list[Delegation]) -> list[Delegation]:
        return [one for one in some if one.window.holds(page.at)]

    return page.show(
        "portal/family/page.html",
        status=422 if problems else 200,
        problems=problems,
        speaks_for=current(speaks_for),
        mine=current(mine),
        number=number,
        months=months,
        most_months=_MOST_MONTHS,
    )
