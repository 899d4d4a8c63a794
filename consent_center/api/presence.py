"""Was she used? A proof for a member that a run's cohort holds her, or does not."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import Field

from consent_center.api.values import Closed, MemberRef
from consent_center.api.world import WorldDep, needs
from consent_center.consent.presence import written
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.prove_presence import prove_presence

router = APIRouter(prefix="/members/{member}/runs", tags=["members"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.CONSENTS_READ))]
RunRef = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


class PlaceOut(Closed):
    """One leaf of a cohort and the proof that it stands there; hexadecimal."""

    index: int
    leaf: str
    path: list[str]


class PresenceOut(Closed):
    """One proof, for one of her links at one site; `consent_center.consent.presence.check` checks it offline."""

    site: str
    cohort_key: Annotated[str, Field(description="Hers at this site: for her and the site only.")]
    header: Annotated[str, Field(description="The cohort's header with the programme's signature.")]
    places: Annotated[list[PlaceOut], Field(description="Her own leaf, or the neighbours beside her.")]


class PresencesOut(Closed):
    """The proofs of one member in one run; sites at which she never linked have no name for her."""

    proofs: list[PresenceOut]


@router.get("/{run}/presence")
def read_presence(member: MemberRef, run: RunRef, world: WorldDep, token: ReaderDep) -> PresencesOut:
    """For each site of a run at which she ever linked: the proof that its cohort holds her, or does not."""
    require(token, TokenScope.CONSENTS_READ, site="")
    found = world.store.read(prove_presence, member, run)
    return PresencesOut(
        proofs=[
            PresenceOut.model_validate({"site": site, "cohort_key": key.hex(), **written(proof)})
            for site, proofs in sorted(found.items())
            for key, proof in proofs
        ]
    )
