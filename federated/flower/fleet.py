"""The coordinator's door: Flower's fleet API on its own, with node authentication, long polls and an event log.

Stock protobuf types, stock node authentication, stock state, in memory: Flower's own client can talk to it. Not there:
control, runtime and documentation routes, which the stock SuperLink serves on the same port without authentication.
A node may answer for itself only. Rounds are checkpointed by the consent centre, not here.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from uuid import uuid4

import uvicorn
from flwr.app import Error, Message

from federated.flower.fleet_door import LARGEST_BODY, Door, DoorError, FleetEvent, Gone
from federated.flower.internals import (
    NOOP_ACCOUNT_NAME,
    NOOP_FLWR_AID,
    ErrorCode,
    SendNodeHeartbeatRequest,
    SendNodeHeartbeatResponse,
    Status,
    described,
    fleet_handlers,
    fleet_pb2,
    get_federation_manager,
    get_objectstore_linkstate_factories,
    message_from_proto,
    message_to_proto,
)

__all__ = ["LARGEST_BODY", "FleetEvent", "FleetLink", "Listening"]

HOLD_S = 20.0


@dataclass(frozen=True)
class Listening:
    """Where the fleet API listens, and with which TLS certificate."""

    host: str
    port: int
    certificate: Path
    key: Path


class FleetLink:
    """Flower's state, and the fleet API on a thread of this process.

    Args:
        listening: where; always TLS.
        note: told of each call of a node; must not block.
        hold_s: how long a poll without a message is held open.
    """

    def __init__(
        self, listening: Listening, *, note: Callable[[FleetEvent], None] = lambda _: None, hold_s: float = HOLD_S
    ) -> None:
        _, self.factory = get_objectstore_linkstate_factories(":flwr-in-memory:", get_federation_manager())
        self.state = self.factory.state()
        self.replies = threading.Condition()
        self.stored = 0
        self.online: set[int] = set()
        self._note, self._hold_s = note, hold_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._polls: dict[int, asyncio.Event] = {}
        self._delivered: dict[int, Message] = {}
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._door(),
                host=listening.host,
                port=listening.port,
                ssl_certfile=listening.certificate,
                ssl_keyfile=listening.key,
                log_level="critical",
                access_log=False,
                timeout_keep_alive=75,
                ws="none",
                server_header=False,
            )
        )
        self._thread = threading.Thread(target=self._server.run, daemon=True, name="fleet")

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port or the certificate cannot be used.
        """
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise OSError("the fleet API could not listen; check its port and its certificate")
            time.sleep(0.01)

    def stop(self) -> None:
        """Stop listening; open polls end at once."""
        self._server.should_exit = True
        self.wake([*self._polls])
        self._thread.join(5)

    def register(self, public_key: bytes) -> int:
        """Admit the node with this public key (as `internals.public_key_to_bytes` writes it), and number it."""
        return int(self.state.create_node(NOOP_FLWR_AID, NOOP_ACCOUNT_NAME, public_key, 0))

    def unregister(self, node: int) -> None:
        """Admit this node no more."""
        self.state.delete_node(NOOP_FLWR_AID, node)
        self.online.discard(node)

    def wake(self, nodes: Iterable[int]) -> None:
        """Let the open polls of these nodes look again."""
        for node in nodes:
            poll = self._polls.get(node)
            if poll is not None and self._loop is not None:
                self._loop.call_soon_threadsafe(poll.set)

    def _door(self) -> Door:
        return Door(
            {
                "activate-node": self._activate,
                "deactivate-node": self._deactivate,
                "send-node-heartbeat": self._heartbeat,
                "pull-messages": self._pull,
                "push-messages": self._push,
            },
            self.factory,
            self._note,
        )

    async def _activate(self, request: fleet_pb2.ActivateNodeRequest, _: Gone) -> fleet_pb2.ActivateNodeResponse:
        # A node that crashed is still active in Flower's eyes for up to a minute: its key says it is the same one.
        if node := self.state.get_node_id_by_public_key(request.public_key):
            self.state.deactivate_node(node)
        response = fleet_handlers.activate_node(request, self.state)
        self.online.add(response.node_id)
        self._note(FleetEvent("activated", response.node_id, HTTPStatus.OK))
        return response

    async def _deactivate(self, request: fleet_pb2.DeactivateNodeRequest, _: Gone) -> fleet_pb2.DeactivateNodeResponse:
        self.online.discard(request.node_id)
        return fleet_handlers.deactivate_node(request, self.state)

    async def _heartbeat(self, request: SendNodeHeartbeatRequest, _: Gone) -> SendNodeHeartbeatResponse:
        return fleet_handlers.send_node_heartbeat(request, self.state)

    async def _pull(self, request: fleet_pb2.PullMessagesRequest, gone: Gone) -> fleet_pb2.PullMessagesResponse:
        node, until = request.node.node_id, time.monotonic() + self._hold_s
        self._loop = asyncio.get_running_loop()
        if older := self._polls.get(node):
            older.set()  # a node's newer poll ends its older one
        poll = self._polls[node] = asyncio.Event()
        left = asyncio.ensure_future(gone())
        try:
            while self._polls.get(node) is poll and not left.done():
                poll.clear()
                if message := self._next(node):
                    self._note(FleetEvent("pulled", node, HTTPStatus.OK))
                    return fleet_pb2.PullMessagesResponse(messages_list=[message_to_proto(message)])
                if time.monotonic() >= until or self._server.should_exit:
                    break
                woken = asyncio.ensure_future(poll.wait())
                await asyncio.wait({woken, left}, timeout=until - time.monotonic(), return_when="FIRST_COMPLETED")
                woken.cancel()
        finally:
            left.cancel()
            with suppress(asyncio.CancelledError):
                await left
        return fleet_pb2.PullMessagesResponse()

    async def _push(self, request: fleet_pb2.PushMessagesRequest, _: Gone) -> fleet_pb2.PushMessagesResponse:
        if len(request.messages_list) != 1:
            raise DoorError(HTTPStatus.BAD_REQUEST)  # one message at a time
        message = message_from_proto(request.messages_list[0])
        metadata = message.metadata
        if metadata.src_node_id != request.node.node_id:
            raise DoorError(HTTPStatus.FORBIDDEN)  # a node answers for itself
        status = self.state.get_run_status({metadata.run_id}).get(metadata.run_id)
        if status is None or status.status != Status.RUNNING:
            raise DoorError(HTTPStatus.CONFLICT)  # the run is over
        delivered = self._delivered.get(metadata.src_node_id)
        if delivered is not None and delivered.metadata.message_id == metadata.reply_to_message_id:
            del self._delivered[metadata.src_node_id]
        stored = self._store(message)
        self._note(FleetEvent("pushed", metadata.src_node_id, HTTPStatus.OK))
        return fleet_pb2.PushMessagesResponse(results={metadata.message_id: 0 if stored else 1})

    def _next(self, node: int) -> Message | None:
        if lost := self._delivered.pop(
            node, None
        ):  # it polls without having answered: it crashed, or the reply is lost
            gone = Message(Error(ErrorCode.NODE_UNAVAILABLE, "node restarted"), reply_to=lost)
            self._store(described(gone, message_id=uuid4().hex, src_node_id=node))
        waiting: list[Message] = self.state.get_message_ins(node_id=node, limit=1)
        if not waiting:
            return None
        self._delivered[node] = waiting[0]
        return waiting[0]

    def _store(self, reply: Message) -> bool:
        stored = self.state.store_message_res(reply) is not None
        with self.replies:
            self.stored += 1
            self.replies.notify_all()
        return stored
