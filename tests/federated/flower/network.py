"""Sites of a small federation on loopback: each a thread with Flower's client, over TLS, with registered keys."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from federated.certificates import create_authority, create_node_key, issue_server
from federated.flower import client_app
from federated.flower.fleet import FleetEvent, FleetLink, Listening
from federated.flower.gates import SITE, Answer, registered_sites
from federated.flower.internals import public_key_to_bytes
from federated.flower.node import Coordinator, SiteNode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Network:
    """A fleet API and the nodes at it."""

    link: FleetLink
    coordinator: Coordinator
    events: list[FleetEvent]
    sites: dict[str, int] = field(default_factory=dict)
    nodes: dict[str, SiteNode] = field(default_factory=dict)
    threads: list[threading.Thread] = field(default_factory=list)

    def connect(self, name: str, key: EllipticCurvePrivateKey) -> SiteNode:
        node = SiteNode(self.coordinator, key=key, app=client_app.app, node_config={SITE: name})
        thread = threading.Thread(target=node.run, daemon=True)
        thread.start()
        self.nodes[name] = node
        self.threads.append(thread)
        return node


@contextmanager
def listening(folder: Path) -> Iterator[Network]:
    """A fleet API on loopback over TLS."""
    now = datetime.now(UTC)  # noqa: TID251  certificates are checked against the real time
    authority = create_authority(folder / "ca", name="test authority", at=now)
    certificate, key = issue_server(folder / "ca", folder / "server", hosts=["127.0.0.1"], at=now)
    events: list[FleetEvent] = []
    port = free_port()
    link = FleetLink(Listening("127.0.0.1", port, certificate, key), note=events.append, hold_s=2.0)
    link.start()
    network = Network(link, Coordinator(f"127.0.0.1:{port}", authority.read_bytes()), events)
    try:
        yield network
    finally:
        for node in network.nodes.values():
            node.stop()
        link.wake(list(network.sites.values()))
        for thread in network.threads:
            thread.join(10)
        link.stop()


@contextmanager
def connected(folder: Path, answers: dict[str, Answer]) -> Iterator[Network]:
    """A fleet API with these sites registered and connected."""
    with listening(folder) as network, registered_sites(answers):
        for name in answers:
            key = create_node_key(folder / f"{name}.key")
            network.sites[name] = network.link.register(public_key_to_bytes(key.public_key()))
            network.connect(name, key)
        yield network
