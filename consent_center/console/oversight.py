"""Budgets, runs with live progress, and findings."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from consent_center.console.acts import CloseFinding, SeeBudgets, SeeFindings, SeeRuns
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import RuleError
from consent_center.studies.roles import Act
from consent_center.web.forms import FieldError
from consent_center.web.tokens import fingerprint
from consent_center.workflows.govern import close_finding
from consent_center.workflows.show_oversight import (
    show_budgets,
    show_findings,
    show_progress,
    show_run,
    show_runs,
)
from consent_center.workflows.staff_accounts import show_names
from consent_center.workflows.staff_sign_in import staff_in_force

router = APIRouter()
MaybeEntry = Annotated[int | None, Query(ge=0, le=2**53)]
_LOOK_EVERY_S = 1.0
_LONGEST_S = 600


@router.get("/budgets", response_class=HTMLResponse)
def budgets(page: SeeBudgets) -> Response:
    """Every account, with what it was spent on."""
    accounts = page.wiring.store.read(show_budgets, sight=page.sight)
    return page.show("console/budgets/page.html", here="budgets", accounts=accounts)


@router.get("/runs", response_class=HTMLResponse)
def list_runs(page: SeeRuns, before: MaybeEntry = None) -> Response:
    """Runs, newest first."""
    lines, more = page.wiring.store.read(show_runs, before=before, sight=page.sight)
    return page.show("console/runs/list.html", here="runs", lines=lines, more=more)


@router.get("/runs/{run}", response_class=HTMLResponse)
def one_run(run: str, page: SeeRuns) -> Response:
    """One run: each site, each round, what was charged."""
    found = page.wiring.store.read(show_run, run, sight=page.sight)
    ended = found.outcome is not None or page.at >= found.expires_at
    return page.show("console/runs/page.html", here="runs", found=found, ended=ended)


@router.get("/runs/{run}/events")
async def follow(run: str, page: SeeRuns) -> Response:
    """Progress as server-sent events, one for each change, until the run ends."""
    await run_in_threadpool(page.wiring.store.read, show_progress, run)
    return StreamingResponse(_changes(page, run), media_type="text/event-stream")


@router.get("/findings", response_class=HTMLResponse)
def findings(page: SeeFindings) -> Response:
    """What is out of order, whose it is, and by when."""
    return _findings(page)


@router.post("/findings/{number}/close")
def close(number: int, page: CloseFinding, form: PostedDep) -> Response:
    """Close a finding with what was done."""
    try:
        reason = form.text("reason", limit=1000, required=True)
        page.wiring.store.run(close_finding, number, by=page.person.id, reason=reason, at=page.at)
    except FieldError as error:
        return _findings(page, problems=[error], status=422)
    except RuleError as error:
        return _findings(page, refused=str(error), status=409)
    return page.go(f"{HOME}/findings")


def _findings(
    page: StaffPage, *, problems: list[FieldError] | None = None, refused: str = "", status: int = 200
) -> HTMLResponse:
    found = page.wiring.store.read(show_findings, only_open=False, owner=page.person.id, sight=page.sight)
    return page.show(
        "console/findings/page.html",
        here="findings",
        status=status,
        problems=problems,
        found=[one for one in found if one.closed_at is None],
        closed=[one for one in found if one.closed_at is not None],
        refused=refused,
        names=page.wiring.store.read(show_names),
    )


def _progress(page: StaffPage, run: str) -> tuple[int, str] | None:
    """How far a run is; None for somebody who is not signed in any more, or may not see runs any more."""
    read, at = page.wiring.store.read, page.wiring.clock()
    sitting = read(staff_in_force, fingerprint=fingerprint(page.secret), at=at)
    return read(show_progress, run) if sitting is not None and sitting.person.may(Act.SEE_RUNS) else None


async def _changes(page: StaffPage, run: str) -> AsyncIterator[str]:
    told: tuple[int, str] | None = None
    for _ in range(int(_LONGEST_S / _LOOK_EVERY_S)):
        now = await run_in_threadpool(_progress, page, run)
        if now is None:
            return
        if now != told:
            told = now
            yield f"data: {json.dumps({'settled': now[0], 'outcome': now[1]})}\n\n"
        else:
            yield ": still here\n\n"
        if now[1]:
            return
        await asyncio.sleep(_LOOK_EVERY_S)
