"""Who may speak for a member: a delegate or guardian, on evidence, for a time."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response

from consent_center.api.values import Closed, Digest, MemberRef, Moment
from consent_center.api.world import IdempotencyKey, NowDep, WorldDep, answer_once, needs
from consent_center.consent.delegation import Delegation, DelegationKind
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.delegate import delegate, end_delegation, show_delegations
from consent_center.workflows.machine_tokens import TokenScope, require

router = APIRouter(prefix="/members/{member}/delegations", tags=["members"])
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.MEMBERS_WRITE))]
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.CONSENTS_READ))]
DelegationRef = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]


class DelegationIn(Closed):
    """Somebody is to speak for a member; `to` is her own identifier, `evidence` the SHA-256 of what shows it."""

    kind: DelegationKind
    to: MemberRef
    evidence: Digest
    ends: Moment


class DelegationOut(Closed):
    """A delegation; statements made under it name its `id`."""

    id: str
    kind: DelegationKind
    to: MemberRef
    evidence: Digest
    begins: Moment
    ends: Moment
    ended_at: Moment | None

    @classmethod
    def of(cls, made: Delegation) -> "DelegationOut":
        """From the domain."""
        return cls(
            id=made.id,
            kind=made.kind,
            to=made.delegate,
            evidence=made.evidence,
            begins=made.begins,
            ends=made.ends,
            ended_at=made.ended_at,
        )


class DelegationsOut(Closed):
    """Every delegation about a member, ended ones included, oldest first."""

    delegations: list[DelegationOut]


@router.get("")
def read_delegations(member: MemberRef, world: WorldDep, token: ReaderDep) -> DelegationsOut:
    """Who may speak for a member, and who could before."""
    require(token, TokenScope.CONSENTS_READ, site="")
    known = world.store.read(show_delegations, member)
    return DelegationsOut(delegations=[DelegationOut.of(one) for one in known])


@router.post("", status_code=HTTPStatus.CREATED, response_model=DelegationOut)
def create_delegation(
    member: MemberRef, body: DelegationIn, world: WorldDep, token: WriterDep, now: NowDep, key: IdempotencyKey = None
) -> Response:
    """Let somebody speak for a member. A guardian only for who needs one."""
    require(token, TokenScope.MEMBERS_WRITE, site="")
    made = answer_once(
        world,
        lambda tx: DelegationOut.of(
            delegate(tx, member, kind=body.kind, to=body.to, evidence=body.evidence, ends=body.ends, at=now)
        ),
        token=token,
        key=key,
        request=(f"POST /members/{member}/delegations", body),
        at=now,
    )
    return Response(made, HTTPStatus.CREATED, media_type="application/json")


@router.delete("/{delegation}", status_code=HTTPStatus.NO_CONTENT)
def delete_delegation(
    member: MemberRef, delegation: DelegationRef, world: WorldDep, token: WriterDep, now: NowDep
) -> None:
    """Take a delegation back: nothing can be said under it any more, and a guardian's yes no longer counts."""
    require(token, TokenScope.MEMBERS_WRITE, site="")
    world.store.run(end_delegation, delegation, member=member, at=now)
