"""Everything of Flower that is not its published interface, in one place; good for one minor version.

Flower moves these names with every release, so `flwr` is pinned to 1.41 and `tests/federated/flower/test_contract.py`
says what we rely on. An upgrade of Flower is a change of this file and of `embedded`, or it is none.
"""

from typing import Any

from flwr.app import Message
from flwr.common.constant import (
    HEARTBEAT_DEFAULT_INTERVAL,
    NOOP_ACCOUNT_NAME,
    NOOP_FLWR_AID,
    SUPERLINK_NODE_ID,
    ErrorCode,
    Status,
    SubStatus,
)
from flwr.common.serde import message_from_proto, message_to_proto
from flwr.proto import fleet_pb2
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest
from flwr.proto.node_pb2 import Node
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.error import http_error_translator
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.interceptors.http.runtime_version import RuntimeVersionHttpInterceptor
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.routing import ProtobufRoute
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_DEPENDENCY, ProtobufTranslationMiddleware
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.config_loader import get_federation_manager, get_objectstore_linkstate_factories
from flwr.superlink.grid import InMemoryGrid
from flwr.superlink.routers.fleet.node_auth import NodeAuthMiddleware
from flwr.superlink.routers.fleet.router import router as stock_fleet_router
from flwr.superlink.servicer.fleet import fleet_handlers
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor

VERSION = "1.41"
FLEET = "/v1/fleet/"

__all__ = [
    "FLEET",
    "HEARTBEAT_DEFAULT_INTERVAL",
    "NOOP_ACCOUNT_NAME",
    "NOOP_FEDERATION_ID",
    "NOOP_FLWR_AID",
    "PROTOBUF_REQUEST_DEPENDENCY",
    "SUPERLINK_NODE_ID",
    "VERSION",
    "ErrorCode",
    "FleetHttpClient",
    "HeartbeatSender",
    "InMemoryGrid",
    "Node",
    "NodeAuthHttpInterceptor",
    "NodeAuthMiddleware",
    "ProtobufRoute",
    "ProtobufTranslationMiddleware",
    "RuntimeVersionHttpInterceptor",
    "SendNodeHeartbeatRequest",
    "Status",
    "SubStatus",
    "TaskIdentity",
    "TaskType",
    "described",
    "fleet_handlers",
    "fleet_pb2",
    "get_federation_manager",
    "get_objectstore_linkstate_factories",
    "http_error_translator",
    "message_from_proto",
    "message_to_proto",
    "public_key_to_bytes",
    "stock_fleet_router",
]


def described(message: Message, **metadata: Any) -> Message:
    """The message with these fields of its metadata; Flower has no setter for them."""
    message.metadata.__dict__.update({f"_{name}": value for name, value in metadata.items()})
    return message
