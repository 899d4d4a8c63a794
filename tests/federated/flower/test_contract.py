"""What we rely on inside Flower 1.41: when one of these fails after an upgrade, `internals` is what to change.

Law: nothing of Flower but its published interface is imported anywhere else than in `internals`.
"""

import ast
import inspect
from importlib.metadata import version
from pathlib import Path

from flwr.app import ConfigRecord, Message, RecordDict

from federated.flower import internals

PACKAGE = Path(internals.__file__).parent
PUBLISHED = ("flwr.app", "flwr.clientapp", "flwr.serverapp")


def test_the_adapter_names_the_flower_it_was_written_for() -> None:
    assert version("flwr").startswith(internals.VERSION + ".")


def test_only_the_adapter_knows_flowers_internals() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name == "internals.py":
            continue
        found = {
            node.module
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("flwr")
        }
        assert found <= {*PUBLISHED}, f"{path.name} imports {found - {*PUBLISHED}}"


def test_the_adapter_says_what_it_hands_out() -> None:
    assert len({*internals.__all__}) == len(internals.__all__)
    assert all(hasattr(internals, name) for name in internals.__all__)


def test_the_state_answers_what_the_fleet_asks_it() -> None:
    _, factory = internals.get_objectstore_linkstate_factories(":flwr-in-memory:", internals.get_federation_manager())
    state = factory.state()
    node = state.create_node(internals.NOOP_FLWR_AID, internals.NOOP_ACCOUNT_NAME, b"key", 0)
    assert state.get_node_id_by_public_key(b"key") == node
    for name in ("activate_node", "deactivate_node", "delete_node", "get_message_ins", "store_message_res"):
        assert callable(getattr(state, name))
    for name in ("create_run", "claim_task", "activate_task", "finish_task", "get_run_status", "get_run_info"):
        assert callable(getattr(state, name))


def test_the_check_of_a_nodes_signature_looks_at_three_things_of_a_request() -> None:
    """The door hands it a request that has nothing else."""
    used = list(ast.walk(ast.parse(inspect.getsource(internals.authenticate_node))))
    looked_at = {
        node.attr
        for node in used
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "request"
    }
    assert looked_at == {"headers", "state"}
    (asked,) = (node for node in used if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "get_linkstate")
    assert [getattr(one, "id", "") for one in asked.args] == ["request"]


def test_the_fleet_routes_have_the_messages_that_we_answer_with() -> None:
    for name in ("activate-node", "deactivate-node", "send-node-heartbeat", "pull-messages", "push-messages"):
        assert ("POST", internals.FLEET + name) in internals.PROTOBUF_REQUEST_TYPES
    assert {field.name for field in internals.fleet_pb2.PullMessagesResponse.DESCRIPTOR.fields} >= {"messages_list"}
    assert {field.name for field in internals.fleet_pb2.PushMessagesRequest.DESCRIPTOR.fields} >= {
        "node",
        "messages_list",
        "clientapp_runtime_list",
    }


def test_metadata_can_be_written_although_flower_has_no_setter() -> None:
    identity = internals.TaskIdentity
    identity.task_id, identity.run_id, identity.node_id = 1, 7, 1
    message = Message(RecordDict({"a": ConfigRecord({"b": b"c"})}), 5, "query")
    read = internals.described(message, run_id=9, message_id="m", src_node_id=3).metadata
    assert (read.run_id, read.message_id, read.src_node_id, read.dst_node_id) == (9, "m", 3, 5)


def test_a_message_taken_apart_and_put_together_is_the_same() -> None:
    identity = internals.TaskIdentity
    identity.task_id, identity.run_id, identity.node_id = 1, 7, 1
    message = Message(RecordDict({"a": ConfigRecord({"b": b"c"})}), 5, "query")
    again = internals.message_from_proto(internals.message_to_proto(message))
    assert again.content["a"]["b"] == b"c"


def test_the_executors_parts_are_there() -> None:
    for part in (internals.pull_task_input, internals.push_message, internals.push_task_output):
        assert callable(part)
    assert {"/flwr.proto.Runtime/AcquireTask"} == internals.SUPEREXEC_METHODS
    assert internals.CLIENT_TASK == "flwr-clientapp"
