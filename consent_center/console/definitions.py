"""Scopes, purposes, recipients and notices: shown, edited, and notices that the lint holds back reviewed."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.consent.notice import Notice
from consent_center.console.acts import DecideScope, EditDefinitions, SeeDefinitions
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import NoticeHeldError, RuleError, UnknownError
from consent_center.studies.roles import Act
from consent_center.web.forms import FieldError
from consent_center.workflows.define import define
from consent_center.workflows.edit_definition import Draft, EditKind, read_definition, written_definition
from consent_center.workflows.govern import decide_scope
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.review_notice import hold_notice
from consent_center.workflows.show_oversight import show_definitions

router = APIRouter(prefix="/definitions")
REVIEWED_WITHIN = timedelta(days=7)
"""A notice that is handed to a reviewer names the day on which it takes effect: so long from now."""

KINDS: tuple[EditKind, ...] = ("scope", "purpose", "recipient", "notice")


@router.get("", response_class=HTMLResponse)
def definitions(page: SeeDefinitions) -> Response:
    """Scopes, purposes, recipients, notices and collection tools."""
    return _definitions(page)


@router.post("/scopes/{scope}")
def decide(scope: str, page: DecideScope, form: PostedDep) -> Response:
    """The sharing committee opens or closes a scope."""
    turn = form.choice("turn", ("open", "close"))
    try:
        reason = form.text("why", limit=1000, required=True)
        page.wiring.store.run(
            decide_scope,
            scope,
            recipient=form.text("site", limit=64),
            opens=turn == "open",
            by=page.person.id,
            role=page.person.answers_as or "",
            reason=reason,
            at=page.at,
        )
    except FieldError as error:
        return _definitions(page, problems=[error], status=422)
    except RuleError as error:
        return _definitions(page, refused=str(error), status=409)
    return page.go(f"{HOME}/definitions")


@router.get("/edit", response_class=HTMLResponse)
def edit(page: EditDefinitions, kind: str = "scope", code: str = "") -> Response:
    """Edit a definition as YAML."""
    chosen = _kind(kind)
    try:
        text = page.wiring.store.read(written_definition, chosen, code) if code else ""
    except UnknownError:
        text = ""
    return _editor(page, chosen, text)


@router.post("/edit")
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
            held = replace(draft.definition, published_at=page.at + REVIEWED_WITHIN)
            review = page.wiring.store.run(hold_notice, held, author=page.person.id, at=page.at)
            return page.go(f"{HOME}/reviews/{review.digest}")
        else:
            page.wiring.store.run(publish_notice, draft.definition, at=page.at)
    except NoticeHeldError:
        return _editor(page, kind, text, draft=draft, held=True, status=409)
    except (RuleError, UnknownError) as error:
        return _editor(page, kind, text, refused=str(error), status=422)
    return page.go(f"{HOME}/definitions")


def _kind(text: str) -> EditKind:
    return next((one for one in KINDS if one == text), "scope")


def _definitions(page: StaffPage, *, refused: str = "", status: int = 200, **more: Any) -> HTMLResponse:
    catalogue, _, decided = page.wiring.store.read(show_definitions)
    return page.show(
        "console/definitions/page.html",
        here="definitions",
        status=status,
        catalogue=catalogue,
        notices={code: max(v for c, v in catalogue.notices if c == code) for code, _ in sorted(catalogue.notices)},
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
