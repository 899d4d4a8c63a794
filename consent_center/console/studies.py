"""Studies: the list, one study, and what each role does with it."""

import json

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.responses import Response

from consent_center.console import planning
from consent_center.console.acts import AnswerStudy, AssessStudy, SeeStudies, SuspendStudy
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.console.planning import MOST_TEXT
from consent_center.console.signing import Signing
from consent_center.errors import ConsentCenterError
from consent_center.studies.assessment import QUESTIONS, Assessment
from consent_center.studies.errors import ApprovalError, StudyError
from consent_center.studies.lifecycle import Stage
from consent_center.studies.policy import PARTS
from consent_center.studies.roles import Act
from consent_center.web.forms import FieldError, Posted
from consent_center.web.tokens import fingerprint
from consent_center.workflows.approve_study import answer_of, approve_study
from consent_center.workflows.assess_study import assess_study
from consent_center.workflows.record_refusal import record_refused_answer
from consent_center.workflows.register_reviewer import key_of
from consent_center.workflows.show_studies import StudyPage, answering_roles, show_studies, show_study_page
from consent_center.workflows.sign_in import begin, take_begun
from consent_center.workflows.suspend_study import resume_study, suspend_study
from federated.approvals import Approval, approval_bytes
from federated.errors import FederatedError
from federated.signed import Signed, decode

router = APIRouter()
router.include_router(planning.router)
_PENDING = "staff-answer"


@router.get("/studies", response_class=HTMLResponse)
def show_list(page: SeeStudies, before: str = "", words: str = "", stage: str = "") -> Response:
    """Studies, newest first; those with these words, or at this stage."""
    wanted = next((one for one in Stage if one.value == stage), None)
    words = " ".join(words.split())[:100]
    read, sight = page.wiring.store.read, page.sight
    found, more = read(show_studies, before=before[:40], words=words, stage=wanted, at=page.at, sight=sight)
    return page.show(
        "console/studies/list.html",
        here="studies",
        found=found,
        more=more,
        words=words,
        stage=wanted.value if wanted else "",
        stages=[one.value for one in Stage],
    )


@router.get("/studies/{study}", response_class=HTMLResponse)
def show_one(study: str, page: SeeStudies) -> Response:
    """One study, for each role what is hers to do."""
    return _study(page, study)


@router.get("/studies/{study}/plan")
def show_plan(study: str, page: SeeStudies) -> Response:
    """The plan, byte for byte as it is signed and run."""
    found = page.wiring.store.read(show_study_page, study, at=page.at)
    name = f'attachment; filename="{found.known.study.id}.plan.json"'
    return Response(found.known.study.plan, media_type="application/json", headers={"Content-Disposition": name})


@router.post("/studies/{study}/assessment")
def assess(study: str, page: AssessStudy, form: PostedDep) -> Response:
    """Assess a study."""
    problems, answers = [], {}
    for question in QUESTIONS:
        try:
            answers[question] = form.text(question, limit=2000, required=True)
        except FieldError as error:
            problems.append(error)
            answers[question] = ""
    if problems:
        return _study(page, study, problems=problems, typed=answers, status=422)
    try:
        page.wiring.store.run(assess_study, study, assessor=page.person.id, answers=answers, at=page.at)
    except StudyError as error:
        return _study(page, study, typed=answers, refused=str(error), status=409)
    return page.go(f"{HOME}/studies/{study}")


@router.post("/studies/{study}/answer")
def answer(study: str, page: AnswerStudy, form: PostedDep) -> Response:
    """The two steps of signing with a passkey, both as JSON for the page's script."""
    holder, store = fingerprint(page.secret), page.wiring.store
    registered = store.read(key_of, reviewer=page.person.id)
    if registered is None or registered[1] is None:
        raise ApprovalError("no passkey signs for you yet: make one on your key's page")
    if form.choice("step", ("options", "answer")) == "options":
        wanted = _wanted(page, study, form)
        payload = approval_bytes(wanted)
        store.run(begin, holder=holder, kind=_PENDING, payload=payload.decode("ascii"), at=page.at)
        return JSONResponse(signing(page).ask_for_signature(payload, registered[1]))
    payload_text = store.run(take_begun, holder=holder, kind=_PENDING, at=page.at)
    if payload_text is None or json.loads(payload_text)["study"] != study:
        raise ApprovalError("signing took too long: start again")
    signed = signing(page).read_signature(
        payload_text.encode("ascii"), form.text("answer", limit=16_000, required=True)
    )
    _hand_in(page, study, signed)
    return JSONResponse({"go": f"{HOME}/studies/{study}"})


@router.post("/studies/{study}/document")
def hand_in(study: str, page: AnswerStudy, form: PostedDep) -> Response:
    """An answer that was signed elsewhere with a key file, as one line."""
    text = form.fields.get("document", "")[:MOST_TEXT]
    try:
        signed = Signed.from_text(text)
        if decode(signed.payload)["study"] != study:
            raise ApprovalError("the answer is about another study: open that one")
        _hand_in(page, study, signed)
    except (ApprovalError, FederatedError, ValueError, KeyError, TypeError) as error:
        said = str(error) if isinstance(error, ApprovalError) else "this is no signed answer: paste the whole line"
        return _study(page, study, refused=said, status=409)
    return page.go(f"{HOME}/studies/{study}")


@router.post("/studies/{study}/suspension")
def suspend(study: str, page: SuspendStudy, form: PostedDep) -> Response:
    """Suspend a study by hand, or let it go on."""
    turn = form.choice("turn", ("suspend", "resume"))
    try:
        reason = form.text("why", limit=1000, required=True)
    except FieldError as error:
        return _study(page, study, problems=[error], status=422)
    workflow = suspend_study if turn == "suspend" else resume_study
    role = page.person.answers_as or min(page.person.roles).value
    try:
        page.wiring.store.run(workflow, study, by=page.person.id, role=role, reason=reason, at=page.at)
    except ConsentCenterError as error:
        return _study(page, study, refused=str(error), status=409)
    return page.go(f"{HOME}/studies/{study}")


def signing(page: StaffPage) -> Signing:
    """Who asks for signatures here."""
    return Signing(page.wiring.party.name, page.wiring.house.origin)


def _hand_in(page: StaffPage, study: str, signed: Signed) -> None:
    try:
        page.wiring.store.run(approve_study, signed, reviewer=page.person.id, at=page.at)
    except ApprovalError:
        page.wiring.store.run(record_refused_answer, study=study, code="answer-refused", at=page.at)
        raise


def _wanted(page: StaffPage, study: str, form: Posted) -> Approval:
    say = form.choice("say", ("yes", "no"))
    known = page.wiring.store.read(show_study_page, study, at=page.at).known
    if say == "yes" and not all(form.fields.get(f"scope-{scope}") for scope in known.plan.scopes):
        raise ApprovalError("tick each scope that you approve: a yes is to all of them")
    return page.wiring.store.read(
        answer_of,
        study,
        reviewer=page.person.id,
        role=form.text("role", limit=100),
        answer=say,
        reason=form.text("reason", limit=2000, required=True),
        at=page.at,
    )


def _study(
    page: StaffPage,
    study: str,
    *,
    problems: list[FieldError] | None = None,
    typed: dict[str, str] | None = None,
    refused: str = "",
    status: int = 200,
) -> HTMLResponse:
    found = page.wiring.store.read(show_study_page, study, at=page.at, sight=page.sight)
    registered = page.wiring.store.read(key_of, reviewer=page.person.id)
    hers = page.wiring.store.read(answering_roles, page.person, at=page.at)
    roles = [role for role in hers if role in found.required]
    return page.show(
        "console/studies/page.html",
        here="studies",
        status=status,
        problems=problems,
        found=found,
        known=found.known,
        may={act.name: page.person.may(act) for act in Act} | _hers(page, found, roles),
        roles=roles,
        has_passkey=registered is not None and registered[1] is not None,
        questions=QUESTIONS,
        prefilled=typed or prefilled(page, found),
        risk_parts=_parts(found.known.assessment, found),
        refused=refused,
        plan_text=json.dumps(json.loads(found.known.study.plan), indent=1, ensure_ascii=False),
    )


def _hers(page: StaffPage, found: StudyPage, roles: list[str]) -> dict[str, bool]:
    """Whether assessing and answering are hers in this very study, not only by her role."""
    stranger = page.person.id not in found.known.study.designers
    return {
        "ASSESS_STUDY": page.person.may(Act.ASSESS_STUDY) and stranger,
        "ANSWER_STUDY": page.person.may(Act.ANSWER_STUDY) and stranger and bool(roles),
    }


def prefilled(page: StaffPage, found: StudyPage) -> dict[str, str]:
    """What the plan itself answers of the assessor's questions, for her to correct."""
    t, study = page.words, found.known.study
    why = "\n".join(f"{scope}: {reason}" for scope, reason in study.necessity.items()) or study.reason
    rounds = sum(release.times for release in found.known.plan.releases)
    return {
        "need": why,
        "harm": "",
        "limits": t("console.assess.limits_start", releases=rounds, cohort=found.known.plan.minimum_cohort).unescape(),
        "others": t("console.assess.others_start", sites=len(found.known.plan.sites)).unescape(),
        "rights": "",
    }


def _parts(assessment: Assessment | None, found: StudyPage) -> list[tuple[str, int, int]]:
    """(part, its points, the most it can have), in hundredths of the index."""
    if assessment is None:
        return []
    weights = found.policy.weights
    return [
        (part.replace(" ", "_"), round(assessment.parts[part] * weights[part] * 100), round(weights[part] * 100))
        for part in PARTS
    ]
