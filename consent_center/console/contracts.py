"""Contracts with partners: every one with what ends when, and registering, renewing and ending one."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.consent.recipient import RecipientKind, Role
from consent_center.console.acts import EditContracts, SeeContracts
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.console.reading import listed, local_day
from consent_center.errors import ConsentCenterError, RuleError
from consent_center.studies.contract import Certificate, ContractTerms
from consent_center.studies.errors import ContractError
from consent_center.studies.roles import Act
from consent_center.web.forms import FieldError, Posted
from consent_center.workflows.govern import attest_return, register_contract
from consent_center.workflows.show_oversight import show_contracts, show_definitions

router = APIRouter()
_MOST_TEXT = 500
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


@router.get("/contracts", response_class=HTMLResponse)
def contracts(page: SeeContracts) -> Response:
    """Every contract, with what ends when."""
    return _contracts(page)


@router.post("/contracts")
def keep_contract(page: EditContracts, form: PostedDep) -> Response:
    """Register a contract, or a new version of one."""
    typed = {name: form.fields.get(name, "")[:_MOST_TEXT] for name in _CONTRACT_FIELDS}
    try:
        typed = {name: form.text(name, limit=_MOST_TEXT) for name in _CONTRACT_FIELDS}
        page.wiring.store.run(register_contract, _terms(typed, page, form), by=page.person.id, at=page.at)
    except FieldError as error:
        return _contracts(page, typed=typed, problems=[error], status=422)
    except (ConsentCenterError, ValueError, OverflowError) as error:
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


def _terms(typed: dict[str, str], page: StaffPage, form: Posted) -> ContractTerms:
    certificates = []
    for line in filter(None, (one.strip() for one in typed["certificates"].split(";"))):
        name, _, until = line.rpartition(" ")
        if not name:
            raise ContractError("write each certificate with its last day: ISO 27001 2027-03-31; ...")
        certificates.append(Certificate(name, local_day(page, until)))
    return ContractTerms(
        code=typed["code"],
        recipient=typed["recipient"],
        role=typed["role"],
        purposes=listed(typed["purposes"]),
        scopes=listed(typed["scopes"]),
        countries=listed(typed["countries"]),
        begins=local_day(page, typed["begins"]),
        ends=local_day(page, typed["ends"]),
        retention_days=int(typed["retention_days"]),
        breach_hours=int(typed["breach_hours"]),
        certificates=tuple(certificates),
        transfer=typed["transfer"],
        sub_processing=bool(form.fields.get("sub_processing")),
    )


def _contracts(
    page: StaffPage,
    *,
    typed: dict[str, str] | None = None,
    problems: list[FieldError] | None = None,
    refused: str = "",
    status: int = 200,
) -> HTMLResponse:
    known, _, _ = page.wiring.store.read(show_definitions)
    partners = sorted(one.code for one in known.recipients.values() if one.kind is RecipientKind.PARTNER)
    return page.show(
        "console/contracts/page.html",
        here="contracts",
        status=status,
        found=page.wiring.store.read(show_contracts),
        problems=problems,
        typed=typed or dict.fromkeys(_CONTRACT_FIELDS, ""),
        chosen={"recipient": partners, "role": [one.value for one in Role]},
        refused=refused,
        may_edit=page.person.may(Act.EDIT_CONTRACTS),
    )
