"""Contracts, definitions with their editors, people, keys, and reads about single members."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from consent_center.consent.notice import Notice
from consent_center.console.acts import (
    DecideScope,
    EditContracts,
    EditDefinitions,
    EditPeople,
    KeepKey,
    ReadMember,
    SeeContracts,
    SeeDefinitions,
    SeePeople,
)
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.console.studies import signing
from consent_center.errors import ConsentCenterError, NoticeHeldError, RuleError, UnknownError
from consent_center.studies.contract import Certificate, ContractTerms
from consent_center.studies.errors import ApprovalError, ContractError
from consent_center.studies.person import Person
from consent_center.studies.roles import Act, Role
from consent_center.web.forms import FieldError, Posted
from consent_center.web.tokens import fingerprint
from consent_center.workflows.define import define
from consent_center.workflows.edit_definition import Draft, EditKind, read_definition, written_definition
from consent_center.workflows.govern import attest_return, decide_scope, register_contract
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.read_member import read_member
from consent_center.workflows.register_reviewer import key_of, register_reviewer
from consent_center.workflows.review_notice import hold_notice
from consent_center.workflows.show_oversight import show_contracts, show_definitions
from consent_center.workflows.sign_in import begin, take_begun
from consent_center.workflows.staff_accounts import keep_person, show_staff, stand_in
from federated.approvals import Pinned
from federated.passkey_signature import key_text, read_key_text

router = APIRouter()
KINDS: tuple[EditKind, ...] = ("scope", "purpose", "recipient", "notice")
_CONTRACT_FIELDS = (
    "code",
    "recipient",
    "role",
    "purposes",
    "scopes",
    "countries",
    "begins",
    "ends",
    "retention_days",
    "breach_hours",
    "certificates",
    "transfer",
)
_PENDING = "staff-key"


@router.get("/contracts", response_class=HTMLResponse)
def contracts(page: SeeContracts) -> Response:
    """Every contract, with what ends when."""
    return _contracts(page)


@router.post("/contracts")
def keep_contract(page: EditContracts, form: PostedDep) -> Response:
    """Register a contract, or a new version of one."""
    typed = {name: form.text(name, limit=500) for name in _CONTRACT_FIELDS}
    try:
        page.wiring.store.run(register_contract, _terms(typed, page, form), by=page.person.id, at=page.at)
    except (ConsentCenterError, ValueError) as error:
        said = (
            str(error) if isinstance(error, ConsentCenterError) else "a date is written 2027-03-31, a number in digits"
        )
        return _contracts(page, typed=typed, refused=said, status=422)
    return page.go(f"{HOME}/contracts")


@router.post("/contracts/{code}/return")
def attest(code: str, page: EditContracts, form: PostedDep) -> Response:
    """The partner attested return or deletion; the contract is over with it."""
    del form
    try:
        page.wiring.store.run(attest_return, code, by=page.person.id, at=page.at)
    except RuleError as error:
        return _contracts(page, refused=str(error), status=409)
    return page.go(f"{HOME}/contracts")


@router.get("/definitions", response_class=HTMLResponse)
def definitions(page: SeeDefinitions) -> Response:
    """Scopes, purposes, recipients, notices and collection tools."""
    return _definitions(page)


@router.post("/definitions/scopes/{scope}")
def decide(scope: str, page: DecideScope, form: PostedDep) -> Response:
    """The sharing committee opens or closes a scope."""
    turn = form.choice("turn", ("open", "close"))
    try:
        reason = form.text("why", limit=1000, required=True)
        role = page.person.answers_as or ""
        page.wiring.store.run(
            decide_scope, scope, opens=turn == "open", by=page.person.id, role=role, reason=reason, at=page.at
        )
    except FieldError as error:
        return _definitions(page, problems=[error], status=422)
    except RuleError as error:
        return _definitions(page, refused=str(error), status=409)
    return page.go(f"{HOME}/definitions")


@router.get("/definitions/edit", response_class=HTMLResponse)
def edit(page: EditDefinitions, kind: str = "scope", code: str = "") -> Response:
    """Edit a definition as YAML."""
    chosen = _kind(kind)
    try:
        text = page.wiring.store.read(written_definition, chosen, code) if code else ""
    except UnknownError:
        text = ""
    return _editor(page, chosen, text)


@router.post("/definitions/edit")
def keep_definition(page: EditDefinitions, form: PostedDep) -> Response:
    """Check a definition, keep it, or hand a held notice to its review."""
    kind, text = _kind(form.fields.get("kind", "")), form.fields.get("text", "")[:60_000]
    turn = form.choice("turn", ("check", "keep", "review"))
    try:
        draft = page.wiring.store.read(read_definition, kind, text, at=page.at)
        if turn == "check":
            return _editor(page, kind, text, draft=draft)
        if not isinstance(draft.definition, Notice):
            page.wiring.store.run(define, [draft.definition], at=page.at)
        elif turn == "review":
            page.wiring.store.run(hold_notice, draft.definition, author=page.person.id, at=page.at)
        else:
            page.wiring.store.run(publish_notice, draft.definition, at=page.at)
    except NoticeHeldError:
        return _editor(page, kind, text, draft=draft, held=True, status=409)
    except (RuleError, UnknownError) as error:
        return _editor(page, kind, text, refused=str(error), status=422)
    return page.go(f"{HOME}/definitions")


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
            ends_at=_date(page, until) if until else None,
        )
        page.wiring.store.run(keep_person, person, by=page.person.id, at=page.at)
    except FieldError as error:
        return _people(page, problems=[error], status=422)
    except (ConsentCenterError, ValueError) as error:
        said = str(error) if isinstance(error, ConsentCenterError) else "a date is written 2027-03-31"
        return _people(page, refused=said, status=409)
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
    except Exception as error:
        if not isinstance(error, ConsentCenterError) and type(error).__module__ != "federated.errors":
            raise
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


@router.get("/members", response_class=HTMLResponse)
def members(page: ReadMember) -> Response:
    """Read about one member; nothing is shown before an entry is written."""
    return page.show("console/members/page.html", here="members", seen=None, refused="")


@router.post("/members")
def look(page: ReadMember, form: PostedDep) -> Response:
    """Write the entry, then show what it says."""
    try:
        member = form.text("member", limit=64, required=True)
        reason = form.text("reason", limit=600, required=True)
        hours = form.number("hours", least=0, most=8)
        until = page.at + timedelta(hours=hours) if hours else None
        seen = page.wiring.store.run(
            read_member, member, person=page.person, reason=reason, unmask_until=until, at=page.at
        )
    except FieldError as error:
        return page.show(
            "console/members/page.html", here="members", seen=None, refused="", problems=[error], status=422
        )
    except (RuleError, UnknownError) as error:
        return page.show("console/members/page.html", here="members", seen=None, refused=str(error), status=409)
    return page.show("console/members/page.html", here="members", seen=seen, refused="")


def _terms(typed: dict[str, str], page: StaffPage, form: Posted) -> ContractTerms:
    certificates = []
    for line in filter(None, (one.strip() for one in typed["certificates"].split(";"))):
        name, _, until = line.rpartition(" ")
        if not name:
            raise ContractError("write each certificate with its last day: ISO 27001 2027-03-31; ...")
        certificates.append(Certificate(name, _date(page, until)))
    return ContractTerms(
        code=typed["code"],
        recipient=typed["recipient"],
        role=typed["role"],
        purposes=_listed(typed["purposes"]),
        scopes=_listed(typed["scopes"]),
        countries=_listed(typed["countries"]),
        begins=_date(page, typed["begins"]),
        ends=_date(page, typed["ends"]),
        retention_days=int(typed["retention_days"]),
        breach_hours=int(typed["breach_hours"]),
        certificates=tuple(certificates),
        transfer=typed["transfer"],
        sub_processing=bool(form.fields.get("sub_processing")),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.replace("、", ",").replace("，", ",").split(",") if one.strip())


def _date(page: StaffPage, text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=page.house.zone)


def _kind(text: str) -> EditKind:
    return next((one for one in KINDS if one == text), "scope")


def _contracts(
    page: StaffPage, *, typed: dict[str, str] | None = None, refused: str = "", status: int = 200
) -> HTMLResponse:
    return page.show(
        "console/contracts/page.html",
        here="contracts",
        status=status,
        found=page.wiring.store.read(show_contracts),
        typed=typed or dict.fromkeys(_CONTRACT_FIELDS, ""),
        refused=refused,
        may_edit=page.person.may(Act.EDIT_CONTRACTS),
    )


def _definitions(page: StaffPage, *, refused: str = "", status: int = 200, **more: Any) -> HTMLResponse:
    catalogue, tools, decided = page.wiring.store.read(show_definitions)
    return page.show(
        "console/definitions/page.html",
        here="definitions",
        status=status,
        catalogue=catalogue,
        notices={code: max(v for c, v in catalogue.notices if c == code) for code, _ in sorted(catalogue.notices)},
        tools=tools,
        decided=decided,
        refused=refused,
        may_edit=page.person.may(Act.EDIT_DEFINITIONS),
        may_decide=page.person.may(Act.DECIDE_SCOPE),
        **more,
    )


def _editor(
    page: StaffPage,
    kind: EditKind,
    text: str,
    *,
    draft: Draft | None = None,
    held: bool = False,
    refused: str = "",
    status: int = 200,
) -> HTMLResponse:
    return page.show(
        "console/definitions/edit.html",
        here="definitions",
        status=status,
        kind=kind,
        kinds=KINDS,
        text=text,
        draft=draft,
        held=held,
        refused=refused,
    )


def _people(page: StaffPage, *, refused: str = "", status: int = 200, **more: Any) -> HTMLResponse:
    everybody, lent = page.wiring.store.read(show_staff, at=page.at)
    return page.show(
        "console/people/page.html",
        here="people",
        status=status,
        everybody=everybody,
        lent=lent,
        roles=tuple(Role),
        refused=refused,
        may_edit=page.person.may(Act.EDIT_PEOPLE),
        **more,
    )


def _key(page: StaffPage, *, refused: str = "", status: int = 200, **more: Any) -> HTMLResponse:
    registered = page.wiring.store.read(key_of, reviewer=page.person.id)
    everybody, lent = page.wiring.store.read(show_staff, at=page.at)
    others = [one for one in everybody if one.id != page.person.id and one.is_here(at=page.at)]
    return page.show(
        "console/key/page.html",
        here="key",
        status=status,
        public=key_text(registered[0].key) if registered else "",
        by_passkey=bool(registered and registered[1]),
        colleagues=[one for one in others if one.answers_as],
        lent=[one for one in lent if one.reviewer == page.person.id],
        refused=refused,
        **more,
    )
