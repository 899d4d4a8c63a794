"""Consent and withdrawal rates: to find notices that confuse."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from consent_center.api.definitions import Limit, PageOut
from consent_center.api.values import Closed
from consent_center.api.world import WorldDep, needs
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.show_rates import show_rates

router = APIRouter(prefix="/analytics", tags=["analytics"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.ANALYTICS_READ))]


class RateOut(Closed):
    """What was said about one item under one notice version in one language."""

    item: str
    notice: str
    version: int
    language: str
    asked: Annotated[int | None, Field(description="Answers; null if there are too few to be told.")]
    consent: Annotated[float | None, Field(description="Share of the answers that are a yes.")]
    withdrawal: Annotated[float | None, Field(description="Withdrawals per yes.")]


@router.get("/rates")
def read_rates(
    world: WorldDep,
    token: ReaderDep,
    after: Annotated[str, Query(max_length=400)] = "",
    limit: Limit = 1000,
) -> PageOut[RateOut]:
    """Rates per item, notice version and language; groups of fewer than 20 answers show none."""
    require(token, TokenScope.ANALYTICS_READ, site="")
    found = world.store.read(show_rates, after=after, limit=limit + 1)
    listed = [
        RateOut(
            item=one.item,
            notice=one.notice,
            version=one.version,
            language=one.language,
            asked=one.asked,
            consent=one.consent,
            withdrawal=one.withdrawal,
        )
        for one in found[:limit]
    ]
    return PageOut[RateOut](items=listed, next=found[limit - 1].name if len(found) > limit else None)
