"""One site on the network: Flower's own fleet client, and the ClientApp that this site installed itself.

Activates with its registered P-384 key, sends heartbeats, polls, answers. It never fetches or runs a delivered bundle:
nothing that comes over the wire is code. A coordinator that is gone is waited for.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp

from federated.errors import Refusal, RefusedError
from federated.flower.internals import (
    HEARTBEAT_DEFAULT_INTERVAL,
    FleetHttpClient,
    HeartbeatSender,
    Node,
    NodeAuthHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SendNodeHeartbeatRequest,
    TaskIdentity,
    described,
    fleet_pb2,
    message_from_proto,
    message_to_proto,
    public_key_to_bytes,
)

ERROR_IN_APP = 2
FIRST_WAIT_S, LONGEST_WAIT_S = 0.1, 2.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Coordinator:
    """Where the coordinator is: host:port, and the certificates of the authority that vouches for it, PEM."""

    address: str
    authority: bytes


class SiteNode:
    """A site, until `stop` is called.

    Args:
        coordinator: whom it answers.
        key: P-384; its public half is registered at the coordinator.
        app: the installed ClientApp.
        node_config: what the app is told; never leaves the process.
    """

    def __init__(
        self, coordinator: Coordinator, *, key: EllipticCurvePrivateKey, app: ClientApp, node_config: dict[str, str]
    ) -> None:
        self._app, self._config = app, node_config
        self._stopping = threading.Event()
        self._contexts: dict[int, Context] = {}
        self._public = public_key_to_bytes(key.public_key())
        self._node = Node()
        self._client = FleetHttpClient.from_server_address(
            coordinator.address,
            False,  # noqa: FBT003  Flower's argument "insecure"
            coordinator.authority,
            interceptors=[
                RuntimeVersionHttpInterceptor(component_name="SuperNode"),
                NodeAuthHttpInterceptor(key, key.public_key()),
            ],
        )

    def stop(self) -> None:
        """Answer nothing more; `run` returns within a poll."""
        self._stopping.set()

    def run(self) -> None:
        """Answer until stopped.

        Raises:
            RefusedError: `policy`: the coordinator does not know this site's key (any more).
        """
        try:
            self._activate()
            heartbeat = HeartbeatSender(self._beat)
            heartbeat.start()
            try:
                while not self._stopping.is_set():
                    self._poll()
            finally:
                heartbeat.stop()
                self._say_goodbye()
        finally:
            self.close()

    def close(self) -> None:
        """Close the connections; `run` does it by itself."""
        self._client.close()

    def _say_goodbye(self) -> None:
        try:
            self._client.DeactivateNode(fleet_pb2.DeactivateNodeRequest(node_id=self._node.node_id))
        except httpx.HTTPError:
            _LOG.info("the coordinator was gone already")

    def _poll(self) -> None:
        try:
            response = self._patiently(self._client.PullMessages, fleet_pb2.PullMessagesRequest(node=self._node))
        except httpx.HTTPStatusError as error:
            if error.response.status_code != HTTPStatus.UNAUTHORIZED:
                raise
            self._activate()  # the coordinator restarted and numbers its nodes anew
            return
        if response is not None and response.messages_list:
            self._answer(message_from_proto(response.messages_list[0]))

    def _activate(self) -> None:
        request = fleet_pb2.ActivateNodeRequest(public_key=self._public, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        try:
            response = self._patiently(self._client.ActivateNode, request)
        except httpx.HTTPStatusError as error:
            raise RefusedError(
                Refusal.POLICY, "the coordinator does not know this site's key; ask for its approval, then run again"
            ) from error
        if response is not None:
            self._node = Node(node_id=response.node_id)
            TaskIdentity.node_id, TaskIdentity.task_id, TaskIdentity.run_id = response.node_id, 1, 1
            _LOG.info("connected to the coordinator")

    def _beat(self) -> bool:
        request = SendNodeHeartbeatRequest(node=self._node, heartbeat_interval=HEARTBEAT_DEFAULT_INTERVAL)
        try:
            return bool(self._client.SendNodeHeartbeat(request).success)
        except httpx.HTTPError:
            return False

    def _answer(self, message: Message) -> None:
        run = message.metadata.run_id
        context = self._contexts.setdefault(
            run,
            Context(
                run_id=run,
                node_id=self._node.node_id,
                node_config=dict(self._config),
                state=RecordDict(),
                run_config={},
            ),
        )
        TaskIdentity.run_id = run
        try:
            reply = self._app(message, context)
        except Exception as error:  # noqa: BLE001  its text may hold data: only its kind leaves
            reply = Message(Error(code=ERROR_IN_APP, reason=type(error).__name__), reply_to=message)
        # The same name for the same answer, so that a push that is repeated is stored once.
        described(
            reply,
            run_id=run,
            message_id=f"{message.metadata.message_id}-reply",
            src_node_id=self._node.node_id,
            dst_node_id=message.metadata.src_node_id,
            reply_to_message_id=message.metadata.message_id,
        )
        request = fleet_pb2.PushMessagesRequest(
            node=self._node, messages_list=[message_to_proto(reply)], clientapp_runtime_list=[0.0]
        )
        try:
            self._patiently(self._client.PushMessages, request)
        except httpx.HTTPStatusError as error:
            _LOG.warning("the coordinator did not take an answer (status %d)", error.response.status_code)

    def _patiently(self, call: Callable[[Any], Any], request: Any) -> Any:
        """Call until it is answered; None if this node is stopped meanwhile. A refusal (4xx) is raised."""
        wait = FIRST_WAIT_S
        while not self._stopping.is_set():
            try:
                return call(request)
            except httpx.HTTPStatusError as error:
                if error.response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
            except httpx.TransportError:
                _LOG.info("the coordinator cannot be reached; trying again")
            self._stopping.wait(wait)
            wait = min(2 * wait, LONGEST_WAIT_S)
        return None
