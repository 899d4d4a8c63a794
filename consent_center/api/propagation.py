"""What recipients were told, and where they are told."""

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from consent_center.api.definitions import Cursor, Limit, PageOut
from consent_center.api.values import Closed, Code, ItemValue, Moment
from consent_center.api.world import NowDep, WorldDep, needs
from consent_center.storage.machine_tokens import MachineToken
from consent_center.workflows.machine_tokens import TokenScope, require
from consent_center.workflows.propagate import set_endpoint
from consent_center.workflows.show_tasks import show_tasks

router = APIRouter(prefix="/propagation", tags=["propagation"])
ReaderDep = Annotated[MachineToken, Depends(needs(TokenScope.PROPAGATION_READ))]
WriterDep = Annotated[MachineToken, Depends(needs(TokenScope.PROPAGATION_WRITE))]


class TaskOut(Closed):
    """One recipient is told of one change."""

    id: str
    recipient: Code
    change: str
    items: list[ItemValue]
    said_at: Moment
    due_at: Moment
    attempts: int
    outcome: Annotated[str, Field(description="Empty while open.")]


class EndpointIn(Closed):
    """Where a recipient is told."""

    url: Annotated[str, Field(max_length=400, pattern=r"^https?://[\x21-\x7e]+$")]


class EndpointOut(Closed):
    """The secret that signs what the recipient is told, shown once: base64, for Standard Webhooks libraries."""

    recipient: Code
    secret: str


@router.get("")
def read_tasks(
    world: WorldDep,
    token: ReaderDep,
    recipient: Annotated[Code | None, Query()] = None,
    *,
    only_open: Annotated[bool, Query()] = False,
    after: Cursor = "",
    limit: Limit = 100,
) -> PageOut[TaskOut]:
    """Tasks, by identifier; a site's token sees its own."""
    wanted = recipient or token.site
    if wanted:
        require(token, TokenScope.PROPAGATION_READ, site=wanted)
    found = world.store.read(show_tasks, recipient=wanted, only_open=only_open, after=after, limit=limit + 1)
    listed = [
        TaskOut(
            id=task.id,
            recipient=task.recipient,
            change=task.change,
            items=[ItemValue.of(item) for item in task.items],
            said_at=task.said_at,
            due_at=task.due_at,
            attempts=task.attempts,
            outcome=outcome,
        )
        for task, outcome in found[:limit]
    ]
    return PageOut[TaskOut](items=listed, next=listed[-1].id if len(found) > limit else None)


@router.put("/endpoints/{recipient}")
def put_endpoint(recipient: Code, body: EndpointIn, world: WorldDep, token: WriterDep, now: NowDep) -> EndpointOut:
    """Name the address at which a recipient is told; a new secret is made and shown once."""
    require(token, TokenScope.PROPAGATION_WRITE, site=recipient)
    secret = world.store.run(set_endpoint, recipient, url=body.url, at=now)
    return EndpointOut(recipient=recipient, secret=written_secret(secret))


def written_secret(secret: bytes) -> str:
    """A secret as Standard Webhooks libraries read it."""
    return "whsec_" + base64.b64encode(secret).decode()
