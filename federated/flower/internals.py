"""Everything of Flower that is not its published interface, in one place; good for one minor version.

Flower moves these names with every release, so `flwr` is pinned to 1.41 and `tests/federated/flower/test_contract.py`
says what we rely on. An upgrade of Flower is a change of this file and of `embedded`, or it is none.
"""

from typing import Any

from fastapi import HTTPException
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
from flwr.proto.heartbeat_pb2 import SendNodeHeartbeatRequest, SendNodeHeartbeatResponse
from flwr.proto.node_pb2 import Node, NodeInfo
from flwr.proto.runtime_pb2 import AcquireTaskRequest
from flwr.supercore.constant import NOOP_FEDERATION_ID, TaskType
from flwr.supercore.error import FlowerError
from flwr.supercore.error.catalog import API_ERROR_MAP
from flwr.supercore.heartbeat import HeartbeatSender
from flwr.supercore.inflatable.inflatable_object import get_all_nested_objects, no_object_id_recompute
from flwr.supercore.inflatable.inflatable_utils import inflate_object_from_contents
from flwr.supercore.interceptors import (
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SuperExecAuthHttpInterceptor,
)
from flwr.supercore.primitives.asymmetric import public_key_to_bytes
from flwr.supercore.protobuf.constants import PROTOBUF_MEDIA_TYPE
from flwr.supercore.protobuf.translation import PROTOBUF_REQUEST_TYPES
from flwr.supercore.retry import make_simple_http_retry_invoker
from flwr.supercore.run import Run
from flwr.supercore.runtime import RuntimeHttpClient
from flwr.supercore.superexec.run_superexec import _SUPEREXEC_AUTH_METHODS
from flwr.supercore.task_identity import TaskIdentity
from flwr.superlink.config_loader import get_federation_manager, get_objectstore_linkstate_factories
from flwr.superlink.grid import InMemoryGrid
from flwr.superlink.routers.fleet.node_auth import authenticate_node
from flwr.superlink.servicer.fleet import fleet_handlers
from flwr.supernode.fleet_http_client import FleetHttpClient
from flwr.supernode.node_auth_http_interceptor import NodeAuthHttpInterceptor
from flwr.supernode.runtime.run_clientapp import pull_task_input, push_message, push_task_output
from google.protobuf.message import DecodeError

VERSION = "1.41"
FLEET = "/v1/fleet/"
CLIENT_TASK = "flwr-clientapp"
SUPEREXEC_METHODS = _SUPEREXEC_AUTH_METHODS

__all__ = [
    "API_ERROR_MAP",
    "CLIENT_TASK",
    "FLEET",
    "HEARTBEAT_DEFAULT_INTERVAL",
    "NOOP_ACCOUNT_NAME",
    "NOOP_FEDERATION_ID",
    "NOOP_FLWR_AID",
    "PROTOBUF_MEDIA_TYPE",
    "PROTOBUF_REQUEST_TYPES",
    "SUPEREXEC_METHODS",
    "SUPERLINK_NODE_ID",
    "VERSION",
    "AcquireTaskRequest",
    "DecodeError",
    "ErrorCode",
    "FleetHttpClient",
    "FlowerError",
    "HTTPException",
    "HeartbeatSender",
    "InMemoryGrid",
    "Node",
    "NodeAuthHttpInterceptor",
    "NodeInfo",
    "Run",
    "RuntimeHttpClient",
    "RuntimeTokenHttpInterceptor",
    "RuntimeVersionHttpInterceptor",
    "SendNodeHeartbeatRequest",
    "SendNodeHeartbeatResponse",
    "Status",
    "SubStatus",
    "SuperExecAuthHttpInterceptor",
    "TaskIdentity",
    "TaskType",
    "authenticate_node",
    "described",
    "fleet_handlers",
    "fleet_pb2",
    "get_all_nested_objects",
    "get_federation_manager",
    "get_objectstore_linkstate_factories",
    "inflate_object_from_contents",
    "make_simple_http_retry_invoker",
    "message_from_proto",
    "message_to_proto",
    "no_object_id_recompute",
    "public_key_to_bytes",
    "pull_task_input",
    "push_message",
    "push_task_output",
]


def described(message: Message, **metadata: Any) -> Message:
    """The message with these fields of its metadata; Flower has no setter for them."""
    message.metadata.__dict__.update({f"_{name}": value for name, value in metadata.items()})
    return message
