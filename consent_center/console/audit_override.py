"""Overriding a release check: what a reviewer is asked, how she signs it, and the audit's page around it."""

import json
from datetime import UTC, date, datetime, time

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from consent_center.console.acts import AnswerStudy
from consent_center.console.audit_sheet import sheet_of
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.console.signing import Signing
from consent_center.errors import ConsentCenterError
from consent_center.studies.errors import ApprovalError, ReleaseError
from consent_center.studies.override import LONGEST, SHORTEST_REASON, Override, override_bytes
from consent_center.studies.roles import Act
from consent_center.web.failures import NotFoundError
from consent_center.web.forms import FieldError, Posted
from consent_center.web.tokens import fingerprint
from consent_center.workflows.override_release import override_of, override_release
from consent_center.workflows.record_refusal import record_refused_answer
from consent_center.workflows.register_reviewer import key_of
from consent_center.workflows.show_audits import AuditPage, show_audit
from consent_center.workflows.sign_in import begin, take_begun
from federated.errors import FederatedError
from federated.plan import digest
from federated.signed import Signed, decode, encode

router = APIRouter()
_PENDING = "staff-override"
_MOST_TEXT = 60_000


def found_audit(page: StaffPage, run: str) -> AuditPage:
    """One audit.

    Raises:
        NotFoundError: nothing was judged under this name.
        UnknownRunError: it does not concern her site.
    """
    page.check_sight(run=run)
    try:
        return page.wiring.store.read(show_audit, run)
    except ReleaseError as error:
        raise NotFoundError from error


def draw_audit(
    page: StaffPage, run: str, *, refused: str = "", problems: list[FieldError] | None = None, status: int = 200
) -> HTMLResponse:
    """One audit, and for a reviewer of a model that is withheld what she would sign to let it through."""
    found = found_audit(page, run)
    registered = page.wiring.store.read(key_of, reviewer=page.person.id)
    stranger = page.person.id not in found.study.designers
    open_to_her = found.now.state == "withheld" and found.now.run == run
    return page.show(
        "console/audits/page.html",
        here="audits",
        status=status,
        problems=problems,
        sheet=sheet_of(found, page.formats),
        run=run,
        may_override=open_to_her and stranger and registered is not None and page.person.may(Act.ANSWER_STUDY),
        has_passkey=registered is not None and registered[1] is not None,
        report_digest=digest(encode(found.audit.report)),
        reviewer=None if registered is None else registered[0],
        latest=datetime.combine((page.at + LONGEST).astimezone(page.house.zone).date(), time(), page.house.zone),
        refused=refused,
    )


@router.post("/audits/{run}/override")
def sign(run: str, page: AnswerStudy, form: PostedDep) -> Response:
    """The two steps of signing with a passkey, both as JSON for the page's script."""
    holder, store = fingerprint(page.secret), page.wiring.store
    registered = store.read(key_of, reviewer=page.person.id)
    if registered is None or registered[1] is None:
        raise ApprovalError("no passkey signs for you yet: make one on your key's page")
    asks = Signing(page.wiring.party.name, page.wiring.house.origin)
    if form.choice("step", ("options", "answer")) == "options":
        payload = override_bytes(_wanted(page, run, form))
        store.run(begin, holder=holder, kind=_PENDING, payload=payload.decode("ascii"), at=page.at)
        return JSONResponse(asks.ask_for_signature(payload, registered[1]))
    text = store.run(take_begun, holder=holder, kind=_PENDING, at=page.at)
    if text is None or json.loads(text)["run"] != run:
        raise ReleaseError("signing took too long: start again")
    answer = form.text("answer", limit=16_000, required=True)
    _hand_in(page, run, asks.read_signature(text.encode("ascii"), answer))
    return JSONResponse({"go": f"{HOME}/audits/{run}"})


@router.post("/audits/{run}/document")
def hand_in(run: str, page: AnswerStudy, form: PostedDep) -> Response:
    """An override that was signed elsewhere with a key file, as one line."""
    try:
        signed = Signed.from_text(form.fields.get("document", "")[:_MOST_TEXT])
        if decode(signed.payload)["run"] != run:
            raise ReleaseError("the override is about another audit: open that one")
        _hand_in(page, run, signed)
    except (ReleaseError, FederatedError, ValueError, KeyError, TypeError) as error:
        said = str(error) if isinstance(error, ReleaseError) else "this is no signed override: paste the whole line"
        return draw_audit(page, run, refused=said, status=409)
    return page.go(f"{HOME}/audits/{run}")


def _hand_in(page: StaffPage, run: str, signed: Signed) -> None:
    try:
        page.wiring.store.run(override_release, signed, reviewer=page.person.id, at=page.at)
    except ConsentCenterError:
        study = found_audit(page, run).study.id
        page.wiring.store.run(record_refused_answer, study=study, code="override-refused", at=page.at)
        raise


def _wanted(page: StaffPage, run: str, form: Posted) -> Override:
    reason = form.text("reason", limit=1000, required=True)
    if len(reason) < SHORTEST_REASON:
        raise ReleaseError("an override needs a reason that others can judge: at least a sentence")
    try:
        day = date.fromisoformat(form.text("until", limit=10, required=True))
    except ValueError as error:
        raise ReleaseError("an override ends: choose a day within 90 days") from error
    return page.wiring.store.read(
        override_of,
        found_audit(page, run).audit.model_digest,
        reviewer=page.person.id,
        reason=reason,
        until=datetime.combine(day, time(), page.house.zone).astimezone(UTC),
        at=page.at,
    )
