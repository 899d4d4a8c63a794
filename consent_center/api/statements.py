"""Statements: what members say, one act at a time, and their receipts."""

from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Response
from pydantic import Field

from consent_center.api.values import Closed, Code, Digest, ItemValue, MemberRef, Moment
from consent_center.api.world import IdempotencyKey, NowDep, WorldDep, fingerprint, needs
from consent_center.consent.grant import MEMBER, Act, Actor, ActorKind, Recorded
from consent_center.consent.receipt import sign_receipt
from consent_center.consent.speech import Utterance
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.show_receipt import show_receipt
from consent_center.workflows.speak import Spoken

router = APIRouter(tags=["statements"])
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.CONSENTS_WRITE))]
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.CONSENTS_READ))]
SpokenAct = Literal["given", "renewed", "refused", "deferred", "withdrawn", "paused", "resumed"]


class StatementIn(Closed):
    """One act of a member, or of somebody who may speak for her."""

    member: MemberRef
    act: SpokenAct
    items: Annotated[list[ItemValue], Field(min_length=1, max_length=200)]
    notice: Code
    version: Annotated[int, Field(ge=1, le=1_000_000, strict=True)]
    language: Literal["en", "zh-Hant", "zh-Hans"]
    choices: Annotated[Digest, Field(description="SHA-256 of the choices exactly as they were shown.")]
    expires_at: Moment | None = None
    actor: Literal["member", "delegate", "guardian"] = "member"
    delegation: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None

    def utterance(self, member: str) -> Utterance:
        """As the domain knows it."""
        actor = (
            MEMBER
            if self.actor == "member" and self.delegation is None
            else Actor(ActorKind(self.actor), self.delegation)
        )
        return Utterance(
            member,
            Act(self.act),
            tuple(one.item() for one in self.items),
            self.notice,
            self.version,
            self.language,
            self.choices,
            expires_at=self.expires_at,
            actor=actor,
        )


class StatementOut(Closed):
    """A statement that is kept."""

    statement: Annotated[int, Field(description="Its number; the receipt is found under it.")]
    member: MemberRef
    act: Act
    items: list[ItemValue]
    notice: str
    version: int
    language: str
    said_at: Moment
    expires_at: Moment | None
    actor: ActorKind
    reason: str

    @classmethod
    def of(cls, recorded: Recorded, member: str, *, site: str = "") -> "StatementOut":
        """From the domain, under the name by which the caller knows the member; a site is told of its own items."""
        said = recorded.statement
        return cls(
            statement=recorded.entry,
            member=member,
            act=said.act,
            items=[ItemValue.of(item) for item in said.items if site in ("", item.recipient)],
            notice=said.notice,
            version=said.notice_version,
            language=said.language,
            said_at=said.at,
            expires_at=said.expires_at,
            actor=said.actor.kind,
            reason=said.reason,
        )


class ReceiptOut(Closed):
    """A receipt: the signed form is the one to keep; the document is the same, readable."""

    signed: str
    document: dict[str, object]


@router.post("/statements", status_code=HTTPStatus.CREATED, response_model=StatementOut)
def create_statement(
    body: StatementIn,
    world: WorldDep,
    token: WriterDep,
    now: NowDep,
    key: IdempotencyKey = None,
    sec_gpc: Annotated[str | None, Header(alias="Sec-GPC", max_length=16)] = None,
) -> Response:
    """Record one act. It binds the next verdict; recipients are told of what it takes away.

    If the page relays the member's `Sec-GPC: 1`, "no personalised marketing" is switched on with it.
    """
    for one in body.items:
        require(token, TokenScope.CONSENTS_WRITE, site=one.recipient)

    spoken = Spoken(
        said=body.utterance(body.member),
        site=token.site,
        gpc=sec_gpc == "1",
        token=token.id,
        key=key or "",
        request=fingerprint("POST /statements", body),
        written=lambda recorded: StatementOut.of(recorded, body.member).model_dump_json(),
    )
    return Response(world.desk.ask(spoken, at=now), HTTPStatus.CREATED, media_type="application/json")


@router.get("/members/{member}/receipts/{statement}")
def read_receipt(
    member: MemberRef,
    statement: Annotated[int, Path(ge=1, le=2**53 - 1)],
    world: WorldDep,
    token: ReaderDep,
) -> ReceiptOut:
    """The receipt of one statement, signed by the programme; it is checked offline with its public key."""
    require(token, TokenScope.CONSENTS_READ, site="")
    receipt = world.store.read(show_receipt, member, statement, controller=world.controller)
    return ReceiptOut(signed=sign_receipt(receipt, world.receipt_key), document=dict(receipt.document))
