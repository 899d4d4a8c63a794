"""The four questions of a run, for a coordinator in its own process, under a token for one run and nothing else.

Whoever may start runs (`runs:start`) asks for such a token; it is good for one run of one study, so a coordinator that
asks for admission again, after a crash or a lost answer, is given the run it has, and nothing is charged twice.

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
from consent_center.errors import ForbiddenError
from consent_center.gate import StoreGate
from consent_center.storage.machine_tokens import MachineToken
from consent_center.studies.errors import ReleaseError, UnknownRunError, UnknownStudyError
from consent_center.web.problems import MEDIA_TYPE, Kind, document
from consent_center.workflows.machine_tokens import TokenScope, run_driven, start_run
from consent_center.workflows.release_model import release_model
from federated.errors import MalformedError, Refusal, RefusedError
from federated.gate_wire import (
    admission_bytes,
    parse_nonces,
    parse_round,
    parse_run,
    statements_bytes,
)
from federated.signed import encode

router = APIRouter(prefix="/gate", tags=["gate"], include_in_schema=False)
DriverDep = Annotated[MachineToken, Depends(needs(TokenScope.RUNS_DRIVE))]
StarterDep = Annotated[MachineToken, Depends(needs(TokenScope.RUNS_START))]
_FRAMES = "application/octet-stream"


@router.post("/start-run")
async def start(request: Request, world: WorldDep, starter: StarterDep) -> Response:
    """A token for one run of this study, and the sites that it needs."""

    def hand_out(body: bytes) -> bytes:
        made = world.store.run(start_run, _text(body), site=starter.site, at=world.clock())
        return encode(
            {
                "token": made.secret,
                "sites": list(made.sites),
                "expires_at": made.expires_at.isoformat(timespec="seconds"),
            }
        )

    return await _answered(request, hand_out, kind="application/json")


@router.post("/release-run")
async def release(request: Request, world: WorldDep, starter: StarterDep) -> Response:
    """The check before release, of a run that has ended: its verdict, and what becomes of the model."""

    def judge(body: bytes) -> bytes:
        if starter.site:
            raise ForbiddenError("the programme asks for the check before release, not a site")
        made = world.store.run(release_model, _text(body), at=world.clock())
        said = [one["sentence"] for one in [made.report.get("held_out"), *made.report["judged"]] if one]
        return encode({"verdict": made.verdict, "state": made.state, "model": made.model_digest, "gaps": said})

    return await _answered(request, judge, kind="application/json")


@router.post("/admit-run")
async def admit_run(request: Request, world: WorldDep, driver: DriverDep) -> Response:
    """May this study run now? Prices it, charges it, and cuts its cohorts; asked again, it gives the same run."""

    def admit(body: bytes) -> bytes:
        study = _text(body)
        if not driver.study or study != driver.study:
            raise ForbiddenError(
                "this token drives a run of another study, or none: start the run with accord run start"
            )
        return admission_bytes(_gate(world, driver).admit_run(study))

    return await _answered(request, admit)


@router.post("/admit-round")
async def admit_round(request: Request, world: WorldDep, driver: DriverDep) -> Response:
    """May this round run now? One signed statement of removals for each site."""

    def admit(body: bytes) -> bytes:
        run, number, nonces = parse_nonces(body)
        _its_own(world, driver, run)
        return statements_bytes(_gate(world, driver).admit_round(run, number, nonces))

    return await _answered(request, admit)


@router.post("/settle-round")
async def settle_round(request: Request, world: WorldDep, driver: DriverDep) -> Response:
    """This round is over."""

    def settle(body: bytes) -> bytes:
        report = parse_round(body)
        _its_own(world, driver, report.run)
        _gate(world, driver).settle_round(report)
        return b""

    return await _answered(request, settle)


@router.post("/settle-run")
async def settle_run(request: Request, world: WorldDep, driver: DriverDep) -> Response:
    """This run is over; its model is kept as a candidate."""

    def settle(body: bytes) -> bytes:
        report = parse_run(body)
        _its_own(world, driver, report.run)
        _gate(world, driver).settle_run(report)
        return b""

    return await _answered(request, settle)


def _gate(world: World, driver: MachineToken) -> StoreGate:
    return StoreGate(
        world.store,
        signer=world.receipt_key,
        clock=world.clock,
        new_run=lambda: f"run-{secrets.token_hex(8)}",
        driver=driver.id,
    )


def _its_own(world: World, driver: MachineToken, run: str) -> None:
    # A token that was looked up a moment ago may have admitted its run since; once it has one, that never changes.
    if run != (driver.run or world.store.read(run_driven, driver.id)):
        raise ForbiddenError("this token drives another run: start the run with accord run start")


async def _answered(request: Request, answer: Callable[[bytes], bytes], *, kind: str = _FRAMES) -> Response:
    body = await request.body()
    try:
        return Response(await run_in_threadpool(answer, body), media_type=kind)
    except RefusedError as refused:
        return _problem(HTTPStatus.CONFLICT, refused.code, str(refused))
    except ForbiddenError as refused:
        return _problem(HTTPStatus.FORBIDDEN, "token-scope", str(refused))
    except ReleaseError as refused:
        return _problem(HTTPStatus.CONFLICT, Refusal.MODEL_NOT_RELEASED, str(refused))
    except (UnknownRunError, UnknownStudyError):
        return _problem(HTTPStatus.NOT_FOUND, Refusal.PLAN_NOT_APPROVED, "no such study or run; file it first")
    except MalformedError as error:
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, Refusal.MALFORMED, str(error))


def _problem(status: HTTPStatus, code: str, detail: str) -> Response:
    kind = Kind(status, str(code), "Refused")
    return Response(json.dumps(document(kind, detail)), status, media_type=MEDIA_TYPE)


def _text(body: bytes) -> str:
    try:
        return body.decode("ascii")
    except UnicodeDecodeError as error:
        raise MalformedError("the name of a study is ASCII") from error
