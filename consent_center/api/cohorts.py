"""About how many members a study could use: bands for most, exact for the site itself."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from consent_center.api.values import Closed, Code, Country
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.consent.scope import Item
from consent_center.errors import ForbiddenError
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.preview_cohort import count_cohort, preview_cohort
from privacy.noise import SecureNoise

router = APIRouter(prefix="/cohorts", tags=["cohorts"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.COHORTS_READ))]
_noise = SecureNoise()


class UseIn(Closed):
    """One purpose with the scopes it needs."""

    purpose: Code
    scopes: Annotated[list[Code], Field(min_length=1, max_length=50)]


class CohortIn(Closed):
    """Which cohort is meant: everybody at the site who allows all of this."""

    site: Code
    country: Country
    uses: Annotated[list[UseIn], Field(min_length=1, max_length=8)]

    def items(self) -> list[Item]:
        """Every item that a member must allow."""
        return sorted({Item(scope, use.purpose, self.site, self.country) for use in self.uses for scope in use.scopes})


class BandOut(Closed):
    """A band of sizes, around a count with noise that is drawn once a day."""

    at_least: int
    below: int | None


class SizeOut(Closed):
    """An exact size, for the site whose members they are."""

    members: int


@router.post("/preview")
def preview(body: CohortIn, world: WorldDep, token: ReaderDep, now: NowDep) -> BandOut:
    """The band of a cohort's size; asking again tells nothing new."""
    require(token, TokenScope.COHORTS_READ, site=body.site)
    lower, upper = world.store.run(preview_cohort, body.site, body.items(), noise=_noise, at=now)
    return BandOut(at_least=lower, below=upper)


@router.post("/size")
def size(body: CohortIn, world: WorldDep, token: ReaderDep, now: NowDep) -> SizeOut:
    """The exact size, told only to a token of the site itself."""
    require(token, TokenScope.COHORTS_READ, site=body.site)
    require(token, TokenScope.CONSENTS_READ, site=body.site)
    if token.site != body.site:
        raise ForbiddenError("an exact size is for the site's own token: ask for the preview")
    return SizeOut(members=world.store.read(count_cohort, body.site, body.items(), at=now))
