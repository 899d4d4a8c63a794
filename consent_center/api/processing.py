"""The record of processing (GDPR article 30, PIPL articles 55 and 56), read off what is defined."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import Response

from consent_center.api.definitions import (
    AssessmentValue,
    ContractValue,
    Cursor,
    Limit,
    Match,
    PageOut,
    PurposeValue,
    RecipientValue,
    ScopeValue,
    tagged,
)
from consent_center.api.values import Closed, Code, Country, ItemValue
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.consent.processing import BASIS, Activity, record
from consent_center.consent.verdict import Reason
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.show_definitions import show_catalogue

router = APIRouter(prefix="/processing", tags=["definitions"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.DEFINITIONS_READ))]


class AskedOut(Closed):
    """A notice that asks for it, and what it says on how long data is kept, in each language."""

    code: Code
    version: int
    retention: dict[str, str]


class StoppedOut(Closed):
    """An item that nobody's data may be used for now, and why."""

    item: ItemValue
    reason: Reason


class ActivityOut(Closed):
    """What one recipient does for one purpose with the data of one country's members."""

    name: str
    in_force: bool
    basis: str
    law: Annotated[str, Field(description="Whose clocks and ages apply.")]
    country: Country
    purpose: PurposeValue
    recipient: RecipientValue
    abroad: bool
    scopes: list[ScopeValue]
    contracts: list[ContractValue]
    assessments: list[AssessmentValue]
    notices: list[AskedOut]
    stopped: list[StoppedOut]

    @classmethod
    def of(cls, one: Activity) -> "ActivityOut":
        """From the domain."""
        return cls(
            name=one.name,
            in_force=one.in_force,
            basis=BASIS,
            law=one.law,
            country=one.country,
            purpose=PurposeValue.model_validate(one.purpose, from_attributes=True),
            recipient=RecipientValue.model_validate(one.recipient, from_attributes=True),
            abroad=one.abroad,
            scopes=[ScopeValue.model_validate(scope, from_attributes=True) for scope in one.scopes],
            contracts=[ContractValue.model_validate(contract, from_attributes=True) for contract in one.contracts],
            assessments=[AssessmentValue.model_validate(made, from_attributes=True) for made in one.assessments],
            notices=[
                AskedOut(
                    code=notice.code,
                    version=notice.version,
                    retention={language: text.retention for language, text in notice.texts},
                )
                for notice in one.notices
            ],
            stopped=[StoppedOut(item=ItemValue.of(item), reason=reason) for item, reason in one.stopped],
        )


@router.get("", response_model=PageOut[ActivityOut])
def read_processing(
    world: WorldDep, token: ReaderDep, now: NowDep, after: Cursor = "", limit: Limit = 100, match: Match = None
) -> Response:
    """Everything that is done with members' data: by purpose, recipient and country, with what it rests on."""
    require(token, TokenScope.DEFINITIONS_READ, site="")
    found = [one for one in record(world.store.read(show_catalogue), at=now) if one.name > after]
    listed = [ActivityOut.of(one) for one in found[:limit]]
    return tagged(PageOut[ActivityOut](items=listed, next=listed[-1].name if len(found) > limit else None), match)
