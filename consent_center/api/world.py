"""What every route is given: the store, the clock, the token that asks, and how answers are kept."""

import hashlib
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import Depends, Header, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from consent_center.consent.receipt import Controller
from consent_center.errors import TooManyError, UnauthenticatedError
from consent_center.storage.gathering import Gathering
from consent_center.storage.machine_tokens import MachineToken
from consent_center.storage.transaction import Store, Transaction
from consent_center.workflows.machine_tokens import TokenScope, check_token, require
from consent_center.workflows.once import once
from consent_center.workflows.speak import Spoken, speak_each

TOKEN_REMEMBERED = timedelta(seconds=2)
"""For how long a token that was just checked is believed: a revoked one may live this long in each process."""

MOST_TOKENS = 1000
"""So many tokens are remembered at most."""


@dataclass
class World:
    """The outside world of the API.

    Attributes:
        store: the database.
        clock: the one clock.
        controller: who answers for the processing, for receipts.
        receipt_key: signs receipts.
        rate_per_minute: requests that one token may make in a minute.
        desk: records the statements that come at the same time, together.
    """

    store: Store
    clock: Callable[[], datetime]
    controller: Controller
    receipt_key: Ed25519PrivateKey
    rate_per_minute: int = 6000
    desk: Gathering[Spoken, str] = field(init=False)
    _tokens: dict[str, tuple[datetime, MachineToken]] = field(default_factory=dict)
    _spent: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Open the desk at which statements that come together are recorded together."""
        self.desk = Gathering(self.store, speak_each)

    def token(self, secret: str, *, at: datetime) -> MachineToken:
        """The token with this secret.

        Raises:
            UnauthenticatedError: it is not valid.
        """
        if (known := self.remembered(secret, at=at)) is not None:
            return known
        with self._asking:  # many requests of one token come at once: one of them asks, the others find its answer
            if (known := self.remembered(secret, at=at)) is not None:
                return known
            found = self.store.read(check_token, secret, at=at)
            if len(self._tokens) > MOST_TOKENS:
                self._tokens.clear()
            self._tokens[secret] = at, found
        return found

    def remembered(self, secret: str, *, at: datetime) -> MachineToken | None:
        """The token with this secret, if it was checked a moment ago."""
        known = self._tokens.get(secret)
        if known is None or at - known[0] >= TOKEN_REMEMBERED or at >= known[1].expires_at:
            return None
        return known[1]

    def count(self, token: MachineToken) -> None:
        """Let one more request of a token through: a bucket that holds a minute's worth and refills steadily.

        Raises:
            TooManyError: it is empty.
        """
        now, rate = time.monotonic(), self.rate_per_minute / 60
        with self._lock:
            left, then = self._spent.get(token.id, (float(self.rate_per_minute), now))
            left = min(float(self.rate_per_minute), left + (now - then) * rate)
            self._spent[token.id] = max(left - 1, 0.0), now
        if left < 1:
            raise TooManyError(retry_after_s=max(1, round((1 - left) / rate)))


async def world_of(request: Request) -> World:
    """The world of the application that answers this request."""
    found: World = request.app.state.world
    return found


WorldDep = Annotated[World, Depends(world_of)]


async def now_of(world: WorldDep) -> datetime:
    """The moment of this request."""
    return world.clock()


NowDep = Annotated[datetime, Depends(now_of)]
bearer = HTTPBearer(auto_error=False, description="A machine token, issued by the programme and shown once.")


async def token_of(
    world: WorldDep, now: NowDep, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
) -> MachineToken:
    """The token that asks. Only one that is not remembered is worth a thread."""
    if given is None:
        raise UnauthenticatedError("send the token as: Authorization: Bearer ...")
    token = world.remembered(given.credentials, at=now)
    if token is None:
        token = await run_in_threadpool(world.token, given.credentials, at=now)
    world.count(token)
    return token


TokenDep = Annotated[MachineToken, Depends(token_of)]


def needs(scope: TokenScope) -> Callable[[MachineToken], Awaitable[MachineToken]]:
    """A dependency: the token, if it has this scope."""

    async def checked(token: TokenDep) -> MachineToken:
        require(token, scope)
        return token

    return checked


IdempotencyKey = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$"),
]


def answer_once(
    world: World,
    work: Callable[[Transaction], BaseModel],
    *,
    token: MachineToken,
    key: str | None,
    request: tuple[str, BaseModel],
    at: datetime,
) -> str:
    """Run one write and give its answer as JSON; under a key, the same request again gives the same answer.

    Args:
        world: where.
        work: writes, and gives the answer.
        token: who asks.
        key: the idempotency key, None if the caller sent none.
        request: the route and the payload, of which the key is good for one.
        at: now.
    """

    def written(tx: Transaction) -> str:
        return work(tx).model_dump_json()

    def in_one(tx: Transaction, *, at: datetime) -> str:
        if key is None:
            return written(tx)
        route, payload = request
        asked = fingerprint(route, payload)
        body, _ = once(tx, written, token=token.id, key=key, request=asked, at=at)
        return body

    return world.store.run(in_one, at=at)


def fingerprint(route: str, payload: BaseModel) -> bytes:
    """SHA-256 of a request, by which a second one under the same key is compared."""
    return hashlib.sha256(f"{route}\n{payload.model_dump_json()}".encode()).digest()


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str = Field(description="Stable name of the kind of problem; see the list in the reference.")
    detail: str = Field(description="What happened, and what to do next.")


PROBLEM_RESPONSES: Mapping[int | str, dict[str, object]] = {
    "4XX": {
        "description": "Refused; nothing was written.",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    },
    "5XX": {
        "description": "A fault on our side; nothing was written.",
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
    },
}
