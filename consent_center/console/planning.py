"""Planning a study: written as a file, told what it would cost and what is refused, tried on mock rows, filed."""

import threading
from typing import TYPE_CHECKING

from fastapi import APIRouter
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import FileStudy
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import ConsentCenterError
from consent_center.studies.curves import CURVES
from consent_center.studies.errors import StudyError, StudyFileError
from consent_center.studies.study_file import read_study_file
from consent_center.workflows.file_study import file_study
from consent_center.workflows.plan_study import Planned, helpers_of, plan_study, schema_for, show_schemas
from consent_center.workflows.show_studies import columns_of
from federated.errors import FederatedError
from privacy.noise import SecureNoise

if TYPE_CHECKING:
    from consent_center.workflows.try_drops import Drops

router = APIRouter(prefix="/studies")
MOST_TEXT = 60_000
_TRIAL = threading.Lock()
"""One trial at a time in a process: it is work of seconds, and members' pages go first."""


@router.get("/new", response_class=HTMLResponse)
def show_new(page: FileStudy) -> Response:
    """Write a study."""
    return _editor(page, "")


@router.post("/check", response_class=HTMLResponse)
def check(page: FileStudy, form: PostedDep) -> Response:
    """Say what a study would cost and what would be refused; nothing is filed."""
    text = form.fields.get("text", "")[:MOST_TEXT]
    try:
        planned = _planned(page, text)
    except StudyFileError as error:
        return _editor(page, text, problems=error.problems, status=422)
    return _editor(page, text, planned=planned)


@router.post("")
def submit(page: FileStudy, form: PostedDep) -> Response:
    """File a study."""
    text = form.fields.get("text", "")[:MOST_TEXT]
    try:
        planned = _planned(page, text)
        filed = page.wiring.store.run(file_study, planned.study, at=page.at)
    except StudyFileError as error:
        return _editor(page, text, problems=error.problems, status=422)
    except StudyError as error:
        return _editor(page, text, problems=(str(error),), status=409)
    return page.go(f"{HOME}/studies/{filed.id}")


@router.post("/try", response_class=HTMLResponse)
def try_without(page: FileStudy, form: PostedDep) -> Response:
    """Train the plan on mock rows, whole and without each of its scopes; nothing is filed or charged."""
    text = form.fields.get("text", "")[:MOST_TEXT]
    if not _TRIAL.acquire(blocking=False):
        return _editor(page, text, problems=("another trial is running: try again in a minute",), status=409)
    try:
        return _tried(page, text)
    except StudyFileError as error:
        return _editor(page, text, problems=error.problems, status=422)
    except (ConsentCenterError, FederatedError) as error:
        return _editor(page, text, problems=(str(error),), status=409)
    finally:
        _TRIAL.release()


def _tried(page: StaffPage, text: str) -> HTMLResponse:
    from consent_center.workflows.try_drops import try_drops  # noqa: PLC0415 - it loads the models

    read, file = page.wiring.store.read, read_study_file(text)
    drops = try_drops(
        file,
        read(schema_for, file),
        covers=read(columns_of, file.scopes),
        helping=read(helpers_of, file),
        clock=page.wiring.clock,
    )
    return _editor(page, text, planned=_planned(page, text), drops=drops)


def _planned(page: StaffPage, text: str) -> Planned:
    return page.wiring.store.run(
        plan_study,
        read_study_file(text),
        author=page.person.id,
        organisation=page.person.organisation,
        draw=lambda epsilon: int(SecureNoise().discrete_laplace(1, epsilon=epsilon)[0]),
        at=page.at,
    )


def _editor(
    page: StaffPage,
    text: str,
    *,
    planned: Planned | None = None,
    drops: "Drops | None" = None,
    problems: tuple[str, ...] = (),
    status: int = 200,
) -> HTMLResponse:
    schemas = page.wiring.store.read(show_schemas)
    return page.show(
        "console/studies/new.html",
        here="studies",
        status=status,
        text=text,
        planned=planned,
        drops=drops,
        wrong=problems,
        schemas=schemas,
        curves=CURVES,
    )
