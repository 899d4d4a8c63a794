"""The rules that data obeys: the policy for studies, the columns that sites offer, and the collection tools."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import EditDefinitions, EditPolicy, EditSchema, SeeDefinitions
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import ConsentCenterError, ForbiddenError
from consent_center.studies.errors import StudyFileError
from consent_center.studies.policy import PARTS, Quorum, StudyPolicy
from consent_center.studies.roles import REVIEWING, Act
from consent_center.studies.schema import SiteSchema, read_schema, written_schema
from consent_center.studies.tool import WEIGHTS, Tool
from consent_center.web.forms import FieldError, Posted
from consent_center.workflows.govern import decide_policy, register_schema, register_tool, review_tool
from consent_center.workflows.plan_study import show_schemas
from consent_center.workflows.show_rules import show_policy, show_tools

router = APIRouter(prefix="/rules")
ASKED = tuple(role.value for role in sorted(REVIEWING) if role.value != "site-operator")
"""Roles that a quorum can name; sites are asked by the plan itself."""

_TOOL_FIELDS = ("code", "tool-name", "site", "scope", "owner")


@router.get("", response_class=HTMLResponse)
def show(page: SeeDefinitions) -> Response:
    """The rules that hold now."""
    return _rules(page)


@router.post("/policy")
def keep_policy(page: EditPolicy, form: PostedDep) -> Response:
    """Put new rules for studies in force."""
    try:
        page.wiring.store.run(decide_policy, _policy(page, form), by=page.person.id, at=page.at)
    except FieldError as error:
        return _rules(page, problems=[error], typed=dict(form.fields), status=422)
    except ConsentCenterError as error:
        return _rules(page, refused=str(error), typed=dict(form.fields), status=409)
    return page.go(f"{HOME}/rules")


@router.post("/schemas")
def keep_schema(page: EditSchema, form: PostedDep) -> Response:
    """Keep the columns that a site offers; an operator speaks for her own site only."""
    text = form.fields.get("schema", "")[:60_000]
    try:
        schema = read_schema(text)
        if page.person.site and schema.site != page.person.site:
            raise ForbiddenError(f"an operator says what her own site offers: {page.person.site}")
        page.wiring.store.run(register_schema, schema, by=page.person.id, at=page.at)
    except ForbiddenError:
        raise
    except StudyFileError as error:
        return _rules(page, refused="; ".join(error.problems), schema=text, status=422)
    except ConsentCenterError as error:
        return _rules(page, refused=str(error), schema=text, status=422)
    return page.go(f"{HOME}/rules")


@router.post("/tools")
def keep_tool(page: EditDefinitions, form: PostedDep) -> Response:
    """Register a collection tool."""
    try:
        tool = Tool(
            code=form.text("code", limit=64, required=True),
            name=form.text("tool-name", limit=120, required=True),
            site=form.text("site", limit=64, required=True),
            scope=form.text("scope", limit=64, required=True),
            traits=frozenset(trait for trait in WEIGHTS if form.fields.get(f"trait-{trait}")),
            owner=form.text("owner", limit=64, required=True),
            registered_at=page.at,
        )
        page.wiring.store.run(register_tool, tool, by=page.person.id, at=page.at)
    except FieldError as error:
        return _rules(page, problems=[error], typed=dict(form.fields), status=422)
    except ConsentCenterError as error:
        return _rules(page, refused=str(error), typed=dict(form.fields), status=409)
    return page.go(f"{HOME}/rules")


@router.post("/tools/{code}/review")
def look_at_tool(code: str, page: EditDefinitions, form: PostedDep) -> Response:
    """Somebody who does not own it looked at a collection tool, and says what she saw."""
    try:
        reason = form.text("why", limit=1000, required=True)
        page.wiring.store.run(review_tool, code, by=page.person.id, reason=reason, at=page.at)
    except FieldError as error:
        return _rules(page, problems=[error], status=422)
    except ConsentCenterError as error:
        return _rules(page, refused=str(error), status=409)
    return page.go(f"{HOME}/rules")


def _policy(page: StaffPage, form: Posted) -> StudyPolicy:
    before = page.wiring.store.read(show_policy)
    asked = {role: form.number(f"quorum-{role}", least=0, most=9) for role in ASKED}
    percents = {part: form.number(f"weight-{part.replace(' ', '_')}", least=0, most=100) for part in PARTS}
    return replace(
        before,
        quorum=Quorum(
            {role: count for role, count in asked.items() if count}, form.number("organisations", least=1, most=9)
        ),
        weights={part: Fraction(percent, 100) for part, percent in percents.items()},
        ethics_threshold=Fraction(form.number("ethics_threshold", least=1, most=100), 100),
        epsilon_ceiling=form.number("epsilon_ceiling", least=1, most=100),
        least_cohort=form.number("least_cohort", least=1, most=10**6),
        approval_lasts=timedelta(days=form.number("approval_days", least=1, most=1096)),
        assessment_lasts=timedelta(days=form.number("assessment_days", least=1, most=1096)),
        rights_owner=form.text("rights_owner", limit=64),
    )


def _typed(policy: StudyPolicy) -> dict[str, str]:
    """The rules that hold, as the form's fields."""
    return {
        **{f"quorum-{role}": str(policy.quorum.roles.get(role, 0)) for role in ASKED},
        **{f"weight-{part.replace(' ', '_')}": str(round(policy.weights[part] * 100)) for part in PARTS},
        "organisations": str(policy.quorum.organisations),
        "ethics_threshold": str(round(policy.ethics_threshold * 100)),
        "epsilon_ceiling": f"{policy.epsilon_ceiling:g}",
        "least_cohort": str(policy.least_cohort),
        "approval_days": str(policy.approval_lasts.days),
        "assessment_days": str(policy.assessment_lasts.days),
        "rights_owner": policy.rights_owner,
    }


def _rules(
    page: StaffPage, *, typed: dict[str, str] | None = None, schema: str = "", status: int = 200, **more: Any
) -> HTMLResponse:
    policy = page.wiring.store.read(show_policy)
    every: dict[str, SiteSchema] = page.wiring.store.read(show_schemas)
    schemas = {site: one for site, one in every.items() if page.sight.sees_site(site)}
    mine = schemas.get(page.person.site)
    return page.show(
        "console/rules/page.html",
        here="rules",
        status=status,
        policy=policy,
        schemas=schemas,
        schema=schema or (written_schema(mine) if mine else ""),
        tools=[tool for tool in page.wiring.store.read(show_tools) if page.sight.sees_site(tool.site)],
        typed=dict.fromkeys(_TOOL_FIELDS, "") | _typed(policy) | (typed or {}),
        typed_now=_typed(policy),
        asked=ASKED,
        parts_of_risk=[part.replace(" ", "_") for part in PARTS],
        traits=list(WEIGHTS),
        may={act.name: page.person.may(act) for act in (Act.EDIT_POLICY, Act.EDIT_SCHEMA, Act.EDIT_DEFINITIONS)},
        **{"refused": "", **more},
    )
