"""Members: joining, linking at sites, switches, and everything one of them chose."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from consent_center.api.statements import StatementOut
from consent_center.api.values import Closed, Code, ItemValue, MemberRef, Moment
from consent_center.api.world import IdempotencyKey, NowDep, WorldDep, answer_once, needs
from consent_center.consent.verdict import Reason, Switch
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.find_member import find_member
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.register_member import register_member
from consent_center.workflows.set_switch import set_switch
from consent_center.workflows.show_consents import show_consents, show_statements
from consent_center.workflows.unenrol_member import unenrol_member

router = APIRouter(prefix="/members", tags=["members"])
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.MEMBERS_WRITE))]
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.CONSENTS_READ))]


class MemberIn(Closed):
    """Who joins."""

    guarded_until: Moment | None = None


class MemberOut(Closed):
    """A member who joined."""

    member: MemberRef


class EnrolmentIn(Closed):
    """Where she links her account."""

    site: Code


class EnrolmentOut(Closed):
    """What the site is given, once."""

    site: Code
    pseudonym: str
    cohort_key: str


class SwitchIn(Closed):
    """How a switch is set."""

    on: bool


class SwitchOut(Closed):
    """How a switch is set."""

    switch: Switch
    on: bool


class ChoiceOut(Closed):
    """One item as it stands."""

    item: ItemValue
    allowed: bool
    reason: Reason
    since: Moment | None
    expires_at: Moment | None


class ConsentsOut(Closed):
    """Everything a member chose that concerns the token that asks."""

    choices: list[ChoiceOut]
    no_personalised: bool
    restricted: bool


class StatementsOut(Closed):
    """What a member said, oldest first."""

    statements: list[StatementOut]


@router.post("", status_code=HTTPStatus.CREATED, response_model=MemberOut)
def create_member(
    body: MemberIn, world: WorldDep, token: WriterDep, now: NowDep, key: IdempotencyKey = None
) -> Response:
    """Register a member. Joining says yes to nothing."""
    require(token, TokenScope.MEMBERS_WRITE, site="")
    made = answer_once(
        world,
        lambda tx: MemberOut(member=register_member(tx, guarded_until=body.guarded_until, at=now)),
        token=token,
        key=key,
        request=("POST /members", body),
        at=now,
    )
    return Response(made, HTTPStatus.CREATED, media_type="application/json")


@router.post("/{member}/enrolments", status_code=HTTPStatus.CREATED)
def create_enrolment(
    member: MemberRef, body: EnrolmentIn, world: WorldDep, token: WriterDep, now: NowDep
) -> EnrolmentOut:
    """Link a member at a site. The pseudonym and the key are shown once, to be handed to the site."""
    require(token, TokenScope.MEMBERS_WRITE, site="")
    made = world.store.run(enrol_member, member, body.site, at=now)
    return EnrolmentOut(site=made.site, pseudonym=made.pseudonym.hex(), cohort_key=made.cohort_key.hex())


@router.delete("/{member}/enrolments/{site}", status_code=HTTPStatus.NO_CONTENT)
def end_enrolment(member: MemberRef, site: Code, world: WorldDep, token: WriterDep, now: NowDep) -> None:
    """Unlink a member at a site; she is in none of its cohorts from now on."""
    require(token, TokenScope.MEMBERS_WRITE, site="")
    world.store.run(unenrol_member, member, site, at=now)


@router.put("/{member}/switches/{switch}")
def put_switch(
    member: MemberRef, switch: Switch, body: SwitchIn, world: WorldDep, token: ReaderDep, now: NowDep
) -> SwitchOut:
    """Set a switch that holds for all of a member's items."""
    require(token, TokenScope.CONSENTS_WRITE)
    known = world.store.read(find_member, token.site, member)
    world.store.run(set_switch, known, switch, on=body.on, source="api", at=now)
    return SwitchOut(switch=switch, on=body.on)


@router.get("/{member}/consents")
def read_consents(member: MemberRef, world: WorldDep, token: ReaderDep, now: NowDep) -> ConsentsOut:
    """Everything a member chose, item by item, with the verdict on it."""
    known = world.store.read(find_member, token.site, member)
    page = world.store.read(show_consents, known, at=now)
    return ConsentsOut(
        choices=[
            ChoiceOut(
                item=ItemValue.of(one.item),
                allowed=one.verdict.allowed,
                reason=one.verdict.reason,
                since=None if one.verdict.rests_on is None else one.verdict.rests_on.at,
                expires_at=None if one.verdict.rests_on is None else one.verdict.rests_on.expires_at,
            )
            for one in page.choices
            if token.site in ("", one.item.recipient)
        ],
        no_personalised=page.no_personalised,
        restricted=page.restricted,
    )


@router.get("/{member}/statements")
def read_statements(member: MemberRef, world: WorldDep, token: ReaderDep) -> StatementsOut:
    """Everything a member ever said that concerns the token that asks, oldest first."""
    known = world.store.read(find_member, token.site, member)
    made = world.store.read(show_statements, known)
    return StatementsOut(
        statements=[
            StatementOut.of(one, member, site=token.site)
            for one in made
            if not token.site or any(item.recipient == token.site for item in one.statement.items)
        ]
    )
