"""Who is of the staff, with whose key she signs, and who stands in for her."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from consent_center.console.acts import EditPeople, KeepKey, SeePeople
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.console.reading import local_day
from consent_center.console.studies import signing
from consent_center.errors import ConsentCenterError, RuleError, UnknownError
from consent_center.studies.errors import ApprovalError
from consent_center.studies.person import Person
from consent_center.studies.roles import Act, Role
from consent_center.web.forms import FieldError, Posted
from consent_center.web.tokens import fingerprint
from consent_center.workflows.register_reviewer import key_of, register_reviewer
from consent_center.workflows.sign_in import begin, take_begun
from consent_center.workflows.staff_accounts import end_stand_in, keep_person, show_staff, stand_in
from federated.approvals import Pinned
from federated.errors import FederatedError
from federated.passkey_signature import key_text, read_key_text

router = APIRouter()
_PENDING = "staff-key"
_ACCOUNT = ("id", "name", "organisation", "site", "ends")


@router.get("/people", response_class=HTMLResponse)
def people(page: SeePeople) -> Response:
    """Who is of the staff, in which roles, until when."""
    return _people(page)


@router.post("/people")
def keep_account(page: EditPeople, form: PostedDep) -> Response:
    """Make an account, or change one."""
    try:
        until = form.text("ends", limit=10)
        person = Person(
            id=form.text("id", limit=64, required=True),
            name=form.text("name", limit=120, required=True),
            organisation=form.text("organisation", limit=120, required=True),
            roles=frozenset(role for role in Role if form.fields.get(f"role-{role.value}")),
            site=form.text("site", limit=64),
            ends_at=local_day(page, until) if until else None,
        )
        page.wiring.store.run(keep_person, person, by=page.person.id, at=page.at)
    except FieldError as error:
        return _people(page, problems=[error], typed=form.fields, status=422)
    except (ConsentCenterError, ValueError) as error:
        said = str(error) if isinstance(error, ConsentCenterError) else "a date is written 2027-03-31"
        return _people(page, refused=said, typed=form.fields, status=409)
    return page.go(f"{HOME}/people")


@router.get("/key", response_class=HTMLResponse)
def show_key(page: KeepKey) -> Response:
    """Her signing key and who stands in for her."""
    return _key(page)


@router.post("/key")
def make_key(page: KeepKey, form: PostedDep) -> Response:
    """The two steps of making a passkey that signs answers, as JSON for the page's script."""
    holder, store = fingerprint(page.secret), page.wiring.store
    if form.choice("step", ("options", "answer")) == "options":
        challenge, options = signing(page).ask_for_key(page.person.id)
        store.run(begin, holder=holder, kind=_PENDING, payload=challenge, at=page.at)
        return JSONResponse(options)
    challenge_text = store.run(take_begun, holder=holder, kind=_PENDING, at=page.at)
    if challenge_text is None:
        raise ApprovalError("the passkey took too long: start again")
    credential, key = signing(page).read_key(form.text("answer", limit=32_000, required=True), challenge_text)
    pinned = Pinned(page.person.id, page.person.answers_as or "", page.person.organisation, key)
    store.run(register_reviewer, pinned, credential=credential, at=page.at)
    return JSONResponse({"go": f"{HOME}/key"})


@router.post("/key/file")
def keep_key_file(page: KeepKey, form: PostedDep) -> Response:
    """Register the public half of a key file."""
    try:
        key = read_key_text(form.text("public", limit=80, required=True))
        pinned = Pinned(page.person.id, page.person.answers_as or "", page.person.organisation, key)
        page.wiring.store.run(register_reviewer, pinned, at=page.at)
    except FieldError as error:
        return _key(page, problems=[error], status=422)
    except (ConsentCenterError, FederatedError) as error:
        return _key(page, refused=str(error), status=409)
    return page.go(f"{HOME}/key")


@router.post("/key/stand-in")
def lend_role(page: KeepKey, form: PostedDep) -> Response:
    """Let a colleague answer in her role for a time."""
    try:
        days = form.number("days", least=1, most=60)
        who = form.text("who", limit=64, required=True)
        ends = page.at + timedelta(days=days)
        page.wiring.store.run(stand_in, reviewer=page.person.id, stand_in=who, ends=ends, at=page.at)
    except FieldError as error:
        return _key(page, problems=[error], status=422)
    except (RuleError, UnknownError) as error:
        return _key(page, refused=str(error), status=409)
    return page.go(f"{HOME}/key")


@router.post("/key/stand-in/end")
def take_role_back(page: KeepKey, form: PostedDep) -> Response:
    """End a stand-in early: hers, or one in which she stands in."""
    try:
        _end(page, form)
    except (RuleError, UnknownError) as error:
        return _key(page, refused=str(error), status=409)
    return page.go(f"{HOME}/key")


@router.post("/people/stand-in/end")
def end_for_them(page: EditPeople, form: PostedDep) -> Response:
    """End anybody's stand-in early."""
    try:
        _end(page, form)
    except (RuleError, UnknownError) as error:
        return _people(page, refused=str(error), status=409)
    return page.go(f"{HOME}/people")


def _end(page: StaffPage, form: Posted) -> None:
    number = form.number("number", least=1, most=999_999_999)
    page.wiring.store.run(end_stand_in, number, by=page.person.id, at=page.at)


def _people(
    page: StaffPage, *, refused: str = "", typed: Mapping[str, str] | None = None, status: int = 200, **more: Any
) -> HTMLResponse:
    everybody, lent = page.wiring.store.read(show_staff, at=page.at)
    return page.show(
        "console/people/page.html",
        here="people",
        status=status,
        everybody=everybody,
        names={one.id: one.name for one in everybody},
        lent=lent,
        roles=tuple(Role),
        typed=dict.fromkeys((*_ACCOUNT, *(f"role-{role.value}" for role in Role)), "") | dict(typed or {}),
        refused=refused,
        may_edit=page.person.may(Act.EDIT_PEOPLE),
        **more,
    )


def _key(page: StaffPage, *, refused: str = "", status: int = 200, **more: Any) -> HTMLResponse:
    registered = page.wiring.store.read(key_of, reviewer=page.person.id)
    everybody, lent = page.wiring.store.read(show_staff, at=page.at)
    return page.show(
        "console/key/page.html",
        here="key",
        status=status,
        public=key_text(registered[0].key) if registered else "",
        by_passkey=bool(registered and registered[1]),
        colleagues=[one for one in everybody if one.is_here(at=page.at) and one.can_stand_in_for(page.person)],
        lent=[one for one in lent if page.person.id in (one.reviewer, one.stand_in)],
        names={one.id: one.name for one in everybody},
        refused=refused,
        **more,
    )
