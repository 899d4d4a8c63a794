"""Notices that the lint held back: what waits, what a reviewer decides, and publishing what she let through."""

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from consent_center.console.acts import EditDefinitions, ReviewNotice, SeeDefinitions
from consent_center.console.desk import HOME, PostedDep, StaffPage
from consent_center.errors import ConsentCenterError
from consent_center.studies.roles import Act
from consent_center.web.forms import FieldError
from consent_center.workflows.publish_notice import publish_reviewed
from consent_center.workflows.review_notice import decide_review, show_held_notice, show_reviews

router = APIRouter(prefix="/reviews")
DigestArg = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


@router.get("", response_class=HTMLResponse)
def show_list(page: SeeDefinitions) -> Response:
    """Held notices, those that wait first."""
    found = page.wiring.store.read(show_reviews)
    return page.show("console/reviews/list.html", here="definitions", found=sorted(found, key=lambda one: one.reviewer))


@router.get("/{digest}", response_class=HTMLResponse)
def show_one(digest: DigestArg, page: SeeDefinitions) -> Response:
    """One held notice, in every language, with what the lint found."""
    return _review(page, digest)


@router.post("/{digest}")
def decide(digest: DigestArg, page: ReviewNotice, form: PostedDep) -> Response:
    """Let a notice through, or not."""
    turn = form.choice("turn", ("pass", "reject"))
    try:
        reason = form.text("why", limit=1000, required=True)
        page.wiring.store.run(
            decide_review,
            digest,
            reviewer=page.person.id,
            role=page.person.answers_as or "",
            passed=turn == "pass",
            reason=reason,
            at=page.at,
        )
    except FieldError as error:
        return _review(page, digest, problems=[error], status=422)
    except ConsentCenterError as error:
        return _review(page, digest, refused=str(error), status=409)
    return page.go(f"{HOME}/reviews/{digest}")


@router.post("/{digest}/publish")
def publish(digest: DigestArg, page: EditDefinitions, form: PostedDep) -> Response:
    """Publish exactly what was reviewed."""
    del form
    try:
        page.wiring.store.run(publish_reviewed, digest, at=page.at)
    except ConsentCenterError as error:
        return _review(page, digest, refused=str(error), status=409)
    return page.go(f"{HOME}/definitions")


def _review(
    page: StaffPage, digest: str, *, problems: list[FieldError] | None = None, refused: str = "", status: int = 200
) -> HTMLResponse:
    held = page.wiring.store.read(show_held_notice, digest)
    review = held.review
    mine = page.person.id == review.author
    return page.show(
        "console/reviews/page.html",
        here="definitions",
        status=status,
        problems=problems,
        refused=refused,
        held=held,
        review=review,
        may_decide=page.person.may(Act.REVIEW_NOTICE) and not mine and not review.reviewer,
        may_publish=page.person.may(Act.EDIT_DEFINITIONS) and review.passed and not held.published,
    )
