"""The four questions of a run, for a coordinator in its own process, under a token that may drive runs and no more.

Bodies and answers are the frames of `federated.gate_wire`; refusals are problem documents whose code is the refusal's.
The token moves no secret: permits, cohorts and statements are signed, and sites check them, not the coordinator.
"""

import json
import secrets
from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from consent_center.api.world import World, WorldDep, needs
from consent_center.gate import StoreGate
from consent_center.storage.machine_tokens import MachineToken
from consent_center.studies.errors import UnknownRunError, UnknownStudyError
from consent_center.web.problems import MEDIA_TYPE, Kind, document
from consent_center.workflows.machine_tokens import TokenScope
from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate_wire import (
    admission_bytes,
    parse_nonces,
    parse_round,
    parse_run,
    statements_bytes,
)

router = APIRouter(prefix="/gate", tags=["gate"], include_in_schema=False)
DriverDep = Annotated[MachineToken, Depends(needs(TokenScope.RUNS_DRIVE))]
_FRAMES = "application/octet-stream"


@router.post("/admit-run")
async def admit_run(request: Request, world: WorldDep, driver: DriverDep) -> Response:  # noqa: ARG001  it is checked
    """May this study run now? Prices it, charges it, and cuts its cohorts."""
    return await _answered(request, lambda body: admission_bytes(_gate(world).admit_run(_text(body))))


@router.post("/admit-round")
async def admit_round(request: Request, world: WorldDep, driver: DriverDep) -> Response:  # noqa: ARG001
    """May this round run now? One signed statement of removals for each site."""
    return await _answered(request, lambda body: statements_bytes(_gate(world).admit_round(*parse_nonces(body))))


@router.post("/settle-round")
async def settle_round(request: Request, world: WorldDep, driver: DriverDep) -> Response:  # noqa: ARG001
    """This round is over."""

    def settle(body: bytes) -> bytes:
        _gate(world).settle_round(parse_round(body))
        return b""

    return await _answered(request, settle)


@router.post("/settle-run")
async def settle_run(request: Request, world: WorldDep, driver: DriverDep) -> Response:  # noqa: ARG001
    """This run is over; its model is kept as a candidate."""

    def settle(body: bytes) -> bytes:
        _gate(world).settle_run(parse_run(body))
        return b""

    return await _answered(request, settle)


def _gate(world: World) -> StoreGate:
    return StoreGate(
        world.store, signer=world.receipt_key, clock=world.clock, new_run=lambda: f"run-{secrets.token_hex(8)}"
    )


async def _answered(request: Request, answer: Callable[[bytes], bytes]) -> Response:
    body = await request.body()
    try:
        return Response(await run_in_threadpool(answer, body), media_type=_FRAMES)
    except RefusedError as refused:
        return _problem(HTTPStatus.CONFLICT, refused.code, str(refused))
    except (UnknownRunError, UnknownStudyError):
        return _problem(HTTPStatus.NOT_FOUND, Refusal.PLAN_NOT_APPROVED, "no such study or run; file it first")
    except MalformedError as error:
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, Refusal.MALFORMED, str(error))


def _problem(status: HTTPStatus, code: Refusal, detail: str) -> Response:
    kind = Kind(status, code.value, "Refused")
    return Response(json.dumps(document(kind, detail)), status, media_type=MEDIA_TYPE)


def _text(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("the name of a study is ASCII") from error
