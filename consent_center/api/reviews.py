"""Notices that the lint holds back: opened for review, looked at, let through or not by another than their author."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field

from consent_center.api.definitions import Cursor, Limit, PageOut
from consent_center.api.notices import NoticeValue
from consent_center.api.values import Closed, Code, Digest
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.errors import MalformedError
from consent_center.storage.machine_tokens import MachineToken
from consent_center.storage.reviews import Review
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.review_notice import decide_review, hold_notice, show_review, show_reviews

router = APIRouter(prefix="/reviews", tags=["notices"])
AuthorDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_WRITE))]
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_READ))]
ReviewerDep = Annotated[MachineToken, Depends(needs(TokenScope.NOTICES_REVIEW))]
ReviewRef = Annotated[Digest, Path()]


class ReviewOut(Closed):
    """A held notice. `digest` is of the notice exactly as it would be published."""

    digest: Digest
    notice: Code
    version: int
    author: str
    findings: list[str]
    reviewer: Annotated[str, Field(description="Empty while open.")]
    reason: str
    passed: bool

    @classmethod
    def of(cls, known: Review) -> "ReviewOut":
        """From storage."""
        return cls(
            digest=known.digest,
            notice=known.notice,
            version=known.version,
            author=known.author,
            findings=list(known.findings),
            reviewer=known.reviewer,
            reason=known.reason,
            passed=known.passed,
        )


class DecisionIn(Closed):
    """May the notice be published, and why?"""

    passed: bool
    reason: Annotated[str, Field(min_length=10, max_length=2000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f]*$")]


@router.get("")
def read_reviews(
    world: WorldDep,
    token: ReaderDep,
    *,
    only_open: Annotated[bool, Query()] = False,
    after: Cursor = "",
    limit: Limit = 100,
) -> PageOut[ReviewOut]:
    """Held notices, by digest."""
    require(token, TokenScope.DEFINITIONS_READ, site="")
    found = world.store.read(show_reviews, only_open=only_open, after=after, limit=limit + 1)
    listed = [ReviewOut.of(one) for one in found[:limit]]
    return PageOut[ReviewOut](items=listed, next=listed[-1].digest if len(found) > limit else None)


@router.get("/{digest}")
def read_review(digest: ReviewRef, world: WorldDep, token: ReaderDep) -> ReviewOut:
    """How the review of one notice stands."""
    require(token, TokenScope.DEFINITIONS_READ, site="")
    return ReviewOut.of(world.store.read(show_review, digest))


@router.post("", status_code=HTTPStatus.CREATED)
def open_review(body: NoticeValue, world: WorldDep, token: AuthorDep, now: NowDep) -> ReviewOut:
    """Have a notice reviewed that the lint holds back, with its `published_at`; the same again changes nothing."""
    require(token, TokenScope.DEFINITIONS_WRITE, site="")
    if body.published_at is None:
        raise MalformedError("name `published_at`: what is reviewed is the notice exactly as it will be published")
    held = world.store.run(hold_notice, body.notice(at=now), author=_name(token), at=now)
    return ReviewOut.of(held)


@router.post("/{digest}/decision")
def decide(digest: ReviewRef, body: DecisionIn, world: WorldDep, token: ReviewerDep, now: NowDep) -> ReviewOut:
    """Let a held notice through, or not. The token that asked for the review cannot."""
    require(token, TokenScope.NOTICES_REVIEW, site="")
    return ReviewOut.of(
        world.store.run(
            decide_review,
            digest,
            reviewer=_name(token),
            role="machine",
            passed=body.passed,
            reason=body.reason,
            at=now,
        )
    )


def _name(token: MachineToken) -> str:
    return f"token.{token.id}"
