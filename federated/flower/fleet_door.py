"""Flower's fleet protocol over HTTP, and nothing else: five routes, each a protobuf of Flower's in and one out.

Written on ASGI itself: Flower's own three middlewares and its dependency injection cost more than everything that they
carry. Stock are the messages, the paths, the media type and the authentication of nodes, which is called here.

    other path -> 404, no length or too long -> 413, not this protobuf -> 400, not this node's signature -> 401,
    whatever a handler refuses -> its own status; anything else -> 500 without a word
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from federated.flower.internals import (
    API_ERROR_MAP,
    FLEET,
    PROTOBUF_MEDIA_TYPE,
    PROTOBUF_REQUEST_TYPES,
    DecodeError,
    FlowerError,
    HTTPException,
    authenticate_node,
)

LARGEST_BODY = 64 * 1024 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FleetEvent:
    """One call of a node: what it was, by which node (0 if that is unknown), and how it was answered."""

    what: str
    node: int
    status: int


class DoorError(Exception):
    """A call is refused with this status."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


Gone = Callable[[], Awaitable[None]]
"""Returns when whoever called is gone."""
Handler = Callable[[Any, Gone], Awaitable[Any]]
"""A protobuf in, a protobuf out; may wait, unless whoever called is gone."""


class Door:
    """The fleet routes as an ASGI application.

    Args:
        handlers: last part of the path -> what answers.
        factory: of Flower's state, which knows the keys of the nodes.
        note: told of every refusal.
    """

    def __init__(self, handlers: Mapping[str, Handler], factory: Any, note: Callable[[FleetEvent], None]) -> None:
        self._handlers = {FLEET + name: handler for name, handler in handlers.items()}
        self._app = SimpleNamespace(state=SimpleNamespace(linkstate_factory=factory))
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        status, body = HTTPStatus.OK, b""
        try:
            body = await self._answer(scope, receive)
        except DoorError as refused:
            status = refused.status
        except FlowerError as refused:
            known = API_ERROR_MAP.get(refused.code)
            status = HTTPStatus(known.http_status_code) if known else HTTPStatus.INTERNAL_SERVER_ERROR
        except HTTPException as refused:
            status = HTTPStatus(refused.status_code)
        except Exception as error:  # noqa: BLE001  its text may hold anything: its kind is logged, nothing is sent
            _LOG.error("the fleet API failed: %s", type(error).__name__)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
        if status != HTTPStatus.OK:
            self._note(FleetEvent(str(scope["path"]).removeprefix(FLEET)[:40], 0, status))
        headers = [
            (b"content-type", PROTOBUF_MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            # What is left of a body that was not read would be taken for the next call.
            *([(b"connection", b"close")] if status != HTTPStatus.OK else []),
        ]
        await send({"type": "http.response.start", "status": int(status), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, receive: Receive) -> bytes:
        path = str(scope["path"])
        if (handler := self._handlers.get(path)) is None or scope["method"] != "POST":
            raise DoorError(HTTPStatus.NOT_FOUND)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        length = headers.get("content-length", "")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            raise DoorError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if headers.get("content-type", "").partition(";")[0].strip().lower() != PROTOBUF_MEDIA_TYPE:
            raise DoorError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        request = PROTOBUF_REQUEST_TYPES["POST", path]()
        try:
            request.ParseFromString(await _body(receive))
        except DecodeError as error:
            raise DoorError(HTTPStatus.BAD_REQUEST) from error
        # Stock Flower's check, on the three things of a request that it looks at.
        looked_at: Any = SimpleNamespace(
            headers=headers, state=SimpleNamespace(protobuf_request=request), app=self._app
        )
        authenticate_node(looked_at)
        answer = await handler(request, lambda: _gone(receive))
        return bytes(answer.SerializeToString())


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message: Message = await receive()
        if message["type"] == "http.disconnect":
            raise DoorError(HTTPStatus.BAD_REQUEST)
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while (await receive())["type"] != "lifespan.shutdown":
        await send({"type": "lifespan.startup.complete"})
    await send({"type": "lifespan.shutdown.complete"})
