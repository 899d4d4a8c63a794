"""Law: the same apps that run embedded run over TLS between registered nodes, and nobody else gets in."""

import socket
import ssl
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest

from federated.certificates import create_authority, create_node_key
from federated.errors import Refusal, RefusedError
from federated.flower.deployment import run_deployed, wait_for
from federated.flower.embedded import run_embedded
from federated.flower.fleet import LARGEST_BODY
from federated.models.package import parse_package
from tests.federated.flower.network import connected, listening
from tests.federated.summing import sharing
from tests.federated.world import World, build_world


def test_a_deployed_run_gives_the_model_of_the_embedded_one(tmp_path: Path) -> None:
    models = []
    for shape in ("embedded", "deployed"):
        world = small(tmp_path / shape)
        if shape == "embedded":
            report = run_embedded(world.gate, "study-1", world.answers)
        else:
            with connected(tmp_path / "net", world.answers) as network:  # type: ignore[arg-type]
                wait_for(network.link, network.sites, timeout_s=20)
                report = run_deployed(world.gate, "study-1", network.link, network.sites)
        assert report.outcome == "completed", report
        models.append(parse_package(report.model).weights)
    assert np.array_equal(*models)


def test_secure_sums_run_over_the_network(tmp_path: Path) -> None:
    world = sharing(small(tmp_path))
    with connected(tmp_path / "net", world.answers) as network:  # type: ignore[arg-type]
        wait_for(network.link, network.sites, timeout_s=20)
        report = run_deployed(world.gate, "study-1", network.link, network.sites)
    assert report.outcome == "completed", (report, network.events)
    assert {event.what for event in network.events} >= {"activated", "pulled", "pushed"}


def test_a_site_that_is_not_there_is_named(tmp_path: Path) -> None:
    with listening(tmp_path) as network, pytest.raises(RefusedError, match="not connected: west") as refused:
        wait_for(network.link, {"west": 7}, timeout_s=0)
    assert refused.value.code is Refusal.NO_QUORUM


def test_an_unregistered_node_is_turned_away_with_what_to_do(tmp_path: Path) -> None:
    with listening(tmp_path) as network:
        from federated.flower import client_app
        from federated.flower.node import SiteNode

        node = SiteNode(
            network.coordinator, key=create_node_key(tmp_path / "x.key"), app=client_app.app, node_config={}
        )
        with pytest.raises(RefusedError, match="ask for its approval"):
            node.run()
    assert any(event.what == "activate-node" and event.status >= 400 for event in network.events)


def test_only_fleet_routes_are_there(tmp_path: Path) -> None:
    paths = [
        "/",
        "/docs",
        "/openapi.json",
        "/v1/control/start-run",
        "/v1/control/list-runs",
        "/v1/runtime/acquire-task",
    ]
    with listening(tmp_path) as network, _http(network.coordinator.authority) as client:
        url = f"https://{network.coordinator.address}"
        assert {client.post(url + path, content=b"").status_code for path in paths} == {404}


def test_a_call_without_a_nodes_signature_is_refused(tmp_path: Path) -> None:
    from federated.flower.internals import Node, fleet_pb2

    with listening(tmp_path) as network, _http(network.coordinator.authority) as client:
        body = fleet_pb2.PullMessagesRequest(node=Node(node_id=1)).SerializeToString()
        headers = {"Content-Type": "application/x-protobuf"}
        url = f"https://{network.coordinator.address}/v1/fleet/pull-messages"
        assert 400 <= client.post(url, content=body, headers=headers).status_code < 500


def test_a_node_cannot_answer_for_another(tmp_path: Path) -> None:
    """Stock Flower 1.41 takes such an answer."""
    from flwr.app import Message, RecordDict
    from flwr.common.constant import SUPERLINK_NODE_ID

    from federated.flower.internals import TaskIdentity, described, fleet_pb2, message_to_proto, public_key_to_bytes
    from federated.flower.node import SiteNode

    with listening(tmp_path) as network:
        from federated.flower import client_app

        ours, theirs = create_node_key(tmp_path / "a.key"), create_node_key(tmp_path / "b.key")
        mine, other = (network.link.register(public_key_to_bytes(key.public_key())) for key in (ours, theirs))
        node = SiteNode(network.coordinator, key=ours, app=client_app.app, node_config={})
        node._activate()
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, SUPERLINK_NODE_ID
        forged = Message(RecordDict(), other, "query")
        described(forged, src_node_id=other, dst_node_id=SUPERLINK_NODE_ID, run_id=1, message_id="m")
        request = fleet_pb2.PushMessagesRequest(node=node._node, messages_list=[message_to_proto(forged)])
        with pytest.raises(httpx.HTTPStatusError) as refused:
            node._client.PushMessages(request)
        node.close()
        assert refused.value.response.status_code == 403
        assert mine != other


def test_a_body_that_is_too_long_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with listening(tmp_path) as network:
        host, port = network.coordinator.address.split(":")
        context = ssl.create_default_context(cadata=network.coordinator.authority.decode())
        head = f"POST /v1/fleet/push-messages HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n"
        plain = socket.create_connection((host, int(port)), 5)
        with plain, context.wrap_socket(plain, server_hostname=host) as line:
            line.sendall(head.encode())
            assert b" 413 " in line.recv(200)
    assert any(event.status == 413 for event in network.events)


def test_another_authoritys_certificate_is_not_believed(tmp_path: Path) -> None:
    stranger = create_authority(tmp_path / "other", name="stranger", at=datetime.now(UTC))  # noqa: TID251
    with (
        listening(tmp_path) as network,
        _http(stranger.read_bytes()) as client,
        pytest.raises(httpx.ConnectError, match="certificate"),
    ):
        client.get(f"https://{network.coordinator.address}/")


def small(folder: Path) -> World:
    return build_world(
        folder, sites=("north", "south", "west"), members=60, minimum_cohort=10, minimum_cohort_of_plan=20
    )


def _http(authority: bytes) -> httpx.Client:
    return httpx.Client(verify=ssl.create_default_context(cadata=authority.decode()), trust_env=False)
