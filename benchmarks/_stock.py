"""A federation of stock Flower processes on loopback: SuperLink, SuperNodes, and our worker behind each SuperNode."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks._gate_server import serving
from benchmarks._programme import free_port
from benchmarks._sites import federation
from federated.certificates import create_authority, create_node_key, issue_server
from federated.flower.gates import NODES, STUDY, nodes_text
from federated.flower.internals import RuntimeVersionHttpInterceptor, public_key_to_bytes
from federated.gate import Gate, RoundReport

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


@dataclass
class Stock:
    """Processes of stock Flower, and how to start a run on them."""

    folder: Path
    port: int
    nodes: dict[str, int] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def authority(self) -> Path:
        """The certificate of the authority that vouches for the SuperLink."""
        return self.folder / "coordinator" / "ca" / "ca.crt"

    def start(self, name: str, *command: object, **environment: object) -> None:
        """Start a process whose output goes to a file of this name; nothing looks anything up."""
        home = self.folder / "home" / name
        home.mkdir(parents=True)
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(
                subprocess.Popen(
                    [str(one) for one in command],
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=self.folder,
                    env={
                        **os.environ,  # noqa: TID251
                        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",  # noqa: TID251
                        "PYTHONPATH": str(ROOT),
                        "FLWR_TELEMETRY_ENABLED": "0",
                        "FLWR_DISABLE_UPDATE_CHECK": "1",
                        "FLWR_SUPEREXEC_TASK_POLL_INTERVAL": "0.1",
                        "FLWR_HOME": str(home),
                        **{key: str(value) for key, value in environment.items()},
                    },
                )
            )

    def control(self) -> Any:
        """A client of the control API, on loopback."""
        from flwr.supercore.control.control_http_client import ControlHttpClient

        return ControlHttpClient.from_server_address(
            f"127.0.0.1:{self.port}",
            insecure=False,
            root_certificates=self.authority.read_bytes(),
            interceptors=[RuntimeVersionHttpInterceptor(component_name="accord")],
        )

    def run(self, study: str, *, timeout_s: float) -> str:
        """Start the study's run from the bundle, and wait for its end."""
        from flwr.cli.build import build_fab_from_disk
        from flwr.common.serde import fab_to_proto, user_config_to_proto
        from flwr.proto.control_pb2 import ListRunsRequest, StartRunRequest
        from flwr.supercore.fab import Fab

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Flower's bundler uses an old name
            bundle = build_fab_from_disk(ROOT / "deploy" / "flower")
        client = self.control()
        settings = user_config_to_proto({STUDY: study, NODES: nodes_text(self.nodes)})
        fab = fab_to_proto(Fab(hashlib.sha256(bundle).hexdigest(), bundle, {}))
        number = client.StartRun(StartRunRequest(fab=fab, override_config=settings)).run_id
        until = time.monotonic() + timeout_s
        try:
            while time.monotonic() < until:
                status = client.ListRuns(ListRunsRequest(run_id=number)).run_dict[number].status
                if status.status == "finished":
                    return str(status.sub_status)
                time.sleep(0.5)
        finally:
            client.close()
        return "running"

    def said(self) -> str:
        """The ends of all logs, for a failing test."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))


@contextmanager
def stock_flower(folder: Path, gate: Gate, sites: Mapping[str, Path]) -> Iterator[Stock]:
    """Stock Flower for these sites' folders, asking this gate over HTTPS."""
    folder.mkdir()
    now = datetime.now(UTC)  # noqa: TID251  certificates are checked against the real time
    coordinator = folder / "coordinator"
    create_authority(coordinator / "ca", name="stock", at=now)
    certificate, key = issue_server(coordinator / "ca", coordinator, hosts=["127.0.0.1"], at=now)
    stock = Stock(folder, free_port())
    secret = folder / "secret"
    secret.write_bytes(os.urandom(32))
    token = coordinator / "token"
    token.touch(0o600)
    token.write_text("token")
    try:
        with serving(gate, free_port(), certificate, key) as hub:
            (coordinator / "gate.json").write_text(json.dumps({"hub": hub, "token_file": "token"}))
            stock.start(
                "superlink", BIN / "flower-superlink", "--ssl-ca-certfile", stock.authority, "--ssl-certfile",
                certificate, "--ssl-keyfile", key, "--enable-supernode-auth", "--host", "127.0.0.1",
                "--port", stock.port, "--disable-runtime-dependency-installation", "--superexec-auth-secret-file",
                secret, ACCORD_COORDINATOR=coordinator,
            )  # fmt: skip
            client = _waiting(stock)
            for name, path in sites.items():
                _start_site(stock, client, name, path, secret)
            client.close()
            yield stock
    finally:
        for process in reversed(stock.processes):
            process.terminate()
        for process in stock.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stock_round_seconds(*, sites: int = 3, rounds: int = 3) -> float:
    """Seconds a round takes under stock Flower, the median of all but the first."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        gate, agents = federation(folder, sites=sites, members=20, rounds=rounds)
        for agent in agents.values():
            agent.close()
        ends: list[float] = []
        settle = gate.settle_round

        def settled(report: RoundReport) -> None:
            settle(report)
            ends.append(time.perf_counter())

        gate.settle_round = settled  # type: ignore[method-assign]  # listens to the rounds of this one gate
        with stock_flower(folder / "stock", gate, {name: folder / name for name in agents}) as stock:
            if stock.run("benchmark", timeout_s=240) != "completed":
                raise RuntimeError("the run under stock Flower did not complete: " + stock.said())
    return statistics.median(after - before for before, after in pairwise(ends))


def _start_site(stock: Stock, client: Any, name: str, path: Path, secret: Path) -> None:
    from flwr.proto.control_pb2 import RegisterNodeRequest

    node_key = create_node_key(stock.folder / f"{name}.key")
    openssh = stock.folder / f"{name}.ssh"
    openssh.touch(0o600)
    openssh.write_bytes(node_key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = public_key_to_bytes(node_key.public_key())
    stock.nodes[name] = client.RegisterNode(RegisterNodeRequest(public_key=public)).node_id
    port = free_port()
    stock.start(
        f"{name}-node", BIN / "flower-supernode", "--superlink", f"127.0.0.1:{stock.port}", "--root-certificates",
        stock.authority, "--auth-supernode-private-key", openssh, "--isolation", "process", "--host", "127.0.0.1",
        "--port", port, "--superexec-auth-secret-file", secret,
    )  # fmt: skip
    stock.start(
        f"{name}-worker", sys.executable, "-m", "federated.flower.worker", "--supernode", f"127.0.0.1:{port}",
        "--secret-file", secret, ACCORD_SITE=path,
    )  # fmt: skip


def _waiting(stock: Stock) -> Any:
    """A control client, once the SuperLink listens."""
    from flwr.proto.control_pb2 import ListNodesRequest

    client = stock.control()
    for _ in range(200):
        try:
            client.ListNodes(ListNodesRequest())
        except httpx.TransportError:
            time.sleep(0.2)
        else:
            return client
    raise RuntimeError("the SuperLink did not start: " + stock.said())
