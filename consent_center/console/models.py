"""Models: where each comes from, how much of its cohort still stands, and what its curves say and rest on."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import SeeRuns
from consent_center.console.model_curves import curves_of
from consent_center.studies.errors import ReleaseError
from consent_center.web.failures import NotFoundError
from consent_center.workflows.show_lineage import affected_models
from consent_center.workflows.show_shapes import show_model

router = APIRouter(prefix="/models")
DigestArg = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("", response_class=HTMLResponse)
def show_list(page: SeeRuns) -> Response:
    """Every model that is not retired, those of whose members most are gone first."""
    found = page.wiring.store.read(affected_models, at=page.at)
    lines = [one for one in found if page.sight.sees_study(one.study)]
    return page.show("console/models/list.html", here="models", lines=lines)


@router.get("/{digest}", response_class=HTMLResponse)
def show_one(digest: DigestArg, page: SeeRuns) -> Response:
    """One model."""
    try:
        found = page.wiring.store.read(show_model, digest, at=page.at, sight=page.sight)
    except ReleaseError as error:
        raise NotFoundError from error
    return page.show(
        "console/models/page.html",
        here="models",
        found=found,
        made=found.lineage,
        curves=curves_of(found.stretches, page.formats),
    )
