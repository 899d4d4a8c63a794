"""May this be used now? One question or up to 10,000."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from consent_center.api.values import Closed, Code, Country, ItemValue, MemberRef, Moment
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.consent.scope import Item
from consent_center.consent.verdict import Reason
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.ask_verdict import ask_verdict
from consent_center.workflows.ask_verdicts import Questions, ask_verdicts
from consent_center.workflows.find_member import find_member
from consent_center.workflows.machine_tokens import TokenScope, require

router = APIRouter(prefix="/verdicts", tags=["verdicts"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.VERDICTS_READ))]
MOST = 10_000


class VerdictOut(Closed):
    """One answer."""

    allowed: bool
    reason: Reason
    statement: Annotated[int | None, Field(description="The statement it rests on; null if nothing was said.")]
    expires_at: Moment | None
    at: Moment


@with_config(ConfigDict(extra="forbid"))
class QuestionIn(TypedDict):
    """One question; `item` is the index of its item in `items`."""

    # A dictionary, because there are thousands: as many models would cost far more.

    member: MemberRef
    item: Annotated[int, Field(ge=0, le=199, strict=True)]


class QuestionsIn(Closed):
    """Up to 10,000 questions about at most 200 items."""

    items: Annotated[list[ItemValue], Field(min_length=1, max_length=200)]
    questions: Annotated[list[QuestionIn], Field(min_length=1, max_length=MOST)]


class AnswersOut(Closed):
    """Reasons in the order of the questions; "allowed" is a yes."""

    at: Moment
    reasons: list[Reason]


@router.get("")
def read_verdict(
    world: WorldDep,
    token: ReaderDep,
    now: NowDep,
    member: Annotated[MemberRef, Query()],
    scope: Annotated[Code, Query()],
    purpose: Annotated[Code, Query()],
    recipient: Annotated[Code, Query()],
    country: Annotated[Country, Query()],
) -> VerdictOut:
    """May this item of this member be used now, why, and on which statement does it rest?"""
    require(token, TokenScope.VERDICTS_READ, site=recipient)
    known = world.store.read(find_member, token.site, member)
    answer = world.store.read(ask_verdict, known, [Item(scope, purpose, recipient, country)], at=now)[0]
    rests_on = answer.rests_on
    return VerdictOut(
        allowed=answer.allowed,
        reason=answer.reason,
        statement=None if rests_on is None else rests_on.entry,
        expires_at=None if rests_on is None else rests_on.expires_at,
        at=now,
    )


@router.post("", response_model=AnswersOut)
def ask_many(body: QuestionsIn, world: WorldDep, token: ReaderDep, now: NowDep) -> Response:
    """Many verdicts of one moment. A member whom nobody knows is answered "unknown-member"."""
    for one in body.items:
        require(token, TokenScope.VERDICTS_READ, site=one.recipient)
    asked = Questions(
        [one["member"] for one in body.questions],
        [one.item() for one in body.items],
        [one["item"] for one in body.questions],
    )
    reasons = world.store.read(ask_verdicts, asked, site=token.site, at=now)
    answers = AnswersOut.model_construct(at=now, reasons=reasons)
    return Response(answers.model_dump_json(), media_type="application/json")
