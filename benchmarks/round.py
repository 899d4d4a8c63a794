"""What one round costs beside the model: a trivial model, a gate in memory, sites embedded and deployed.

`embedded_ms` keeps the sites' databases in memory-backed files, so it is the cost of the code: Flower's serialisation,
signatures, journal. `embedded_durable_ms` is the same on the disk, with the two fsyncs per site and round that the
crash rule needs. `deployed_3_ms` and `deployed_6_100k_ms` are sites in processes of their own on loopback, over TLS
with registered keys, their databases in memory-backed files too; the second with 100,000 parameters, and
`embedded_6_100k_ms` is the same without network and processes. `start_s` is from the sites being connected to the end
of the first round. The first round, which reads the rows, and the two that evaluate and audit are left out.

`sites_growth` and `members_growth` say how linear a round's cost is: the cost of one site (one member) at each size
over its cost at the size before, the worst of the steps. Linear is 1, or less while a fixed cost is shared by more; the
goal leaves a quarter to the noise of a shared machine. All sizes are set up first and take turns, so that a slow minute
of the machine falls on all of them.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # noqa: TID251  as `accord` does, before numpy is loaded

from benchmarks._sites import federation
from benchmarks._stock import stock_round_seconds
from federated.certificates import create_authority, create_node_key, issue_server
from federated.flower.deployment import run_deployed, wait_for
from federated.flower.embedded import run_embedded
from federated.flower.fleet import FleetLink, Listening
from federated.flower.internals import public_key_to_bytes
from federated.gate import RoundReport, RunReport
from federated.gate_memory import MemoryGate
from federated.site.agent import SiteAgent

SITES = 5
ROUNDS = 100
MEMORY = Path("/dev/shm")
PORT = 18_443
GROWTH = (3, 6, 12)
MEMBERS = (10_000, 100_000, 1_000_000)
SITE = """
import sys, json
from pathlib import Path
from benchmarks._sites import clock
from federated.certificates import read_node_key
from federated.flower import client_app
from federated.flower.gates import SITE, registered_sites
from federated.flower.node import Coordinator, SiteNode
from federated.site.folder import SiteFolder, open_site
folder, name, address, authority = sys.argv[1:]
agent = open_site(SiteFolder(Path(folder)), clock=clock)
key = read_node_key(Path(folder) / "keys" / "node.key")
coordinator = Coordinator(address, Path(authority).read_bytes())
node = SiteNode(coordinator, key=key, app=client_app.app, node_config={SITE: name})
with registered_sites({name: agent.answer}):
    node.run()
"""


def run() -> dict[str, dict[str, object]]:
    """Measure; see the module."""
    memory = MEMORY if MEMORY.is_dir() else None
    figures: dict[str, object] = {"sites": SITES, "rounds": ROUNDS}
    for name, place in (("embedded", memory), ("embedded_durable", None)):
        with tempfile.TemporaryDirectory(dir=place) as folder:
            _put(figures, name, _embedded(Path(folder), sites=SITES, members=20, rounds=ROUNDS))
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        _put(figures, "embedded_6_100k", _embedded(Path(folder), sites=6, members=12, rounds=12, categories=100_000))
    for name, sites, categories, rounds in (("deployed_3", 3, 0, ROUNDS), ("deployed_6_100k", 6, 100_000, 12)):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            started, seconds = _deployed(Path(folder), sites=sites, categories=categories, rounds=rounds)
        _put(figures, name, seconds)
        if sites == 3:
            figures["start_s"] = round(started, 2)
    _grow(figures, memory)
    stock = stock_round_seconds()
    figures["stock_3_s"] = round(stock, 2)
    print(f"stock Flower, 3 sites: {stock:.2f} s a round", flush=True)
    return {
        "figures": figures,
        "goals": {
            "embedded_ms": ["<=", 8.0],
            "deployed_3_ms": ["<=", 50.0],
            "deployed_6_100k_ms": ["<=", 150.0],
            "start_s": ["<=", 5.0],
            "sites_growth": ["<=", 1.25],
            "members_growth": ["<=", 1.25],
        },
    }


def _put(figures: dict[str, object], name: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    figures[f"{name}_ms"] = round(1000 * statistics.median(ordered), 2)
    figures[f"{name}_p95_ms"] = round(1000 * ordered[int(0.95 * len(ordered))], 2)
    print(
        f"{name}: median {figures[f'{name}_ms']} ms, 95th percentile {figures[f'{name}_p95_ms']} ms a round", flush=True
    )


def _grow(figures: dict[str, object], memory: Path | None) -> None:
    """How a round's cost grows with sites, and with members; see the module."""
    for what, steps, rounds, turns in (("sites", GROWTH, 20, 4), ("members", MEMBERS, 8, 2)):
        with tempfile.TemporaryDirectory(dir=memory) as folder:
            made = {
                size: federation(Path(folder) / str(size), rounds=rounds, **{"sites": 1, "members": 20, what: size})
                for size in steps
            }
            seconds: dict[int, list[float]] = {size: [] for size in steps}
            for _ in range(turns):
                for size, (gate, agents) in made.items():
                    seconds[size] += _rounds(gate, agents)
            for _, agents in made.values():
                for agent in agents.values():
                    agent.close()
        for size in steps:
            _put(figures, f"{what}_{size}", seconds[size])
        each = [statistics.median(seconds[size]) / size for size in steps]
        figures[f"{what}_growth"] = round(max(after / before for before, after in pairwise(each)), 2)


def _embedded(folder: Path, *, sites: int, members: int, rounds: int, categories: int = 0) -> list[float]:
    return _rounds(*federation(folder, sites=sites, members=members, rounds=rounds, categories=categories))


def _rounds(gate: MemoryGate, agents: Mapping[str, SiteAgent]) -> list[float]:
    """Seconds of each round of a training but the first."""
    ends: list[float] = []
    answers = {name: agent.answer for name, agent in agents.items()}
    _completed(run_embedded(gate, "benchmark", answers, watch=lambda done: _note(ends, done)))
    return [end - start for start, end in pairwise(ends)]


def _note(ends: list[float], done: RoundReport) -> None:
    """When a round of training ended; the evaluation and the audit read other rows."""
    if done.kind == "train":
        ends.append(time.perf_counter())


def _deployed(folder: Path, *, sites: int, categories: int, rounds: int) -> tuple[float, list[float]]:
    gate, agents = federation(folder, sites=sites, members=12, rounds=rounds, categories=categories)
    now = datetime.now(UTC)  # noqa: TID251  a benchmark is an outermost edge
    authority = create_authority(folder / "ca", name="benchmark", at=now)
    certificate, key = issue_server(folder / "ca", folder / "server", hosts=["127.0.0.1"], at=now)
    link = FleetLink(Listening("127.0.0.1", PORT, certificate, key))
    link.start()
    known, processes = {}, []
    try:
        for name, agent in agents.items():
            agent.close()
            public = create_node_key(folder / name / "keys" / "node.key").public_key()
            known[name] = link.register(public_key_to_bytes(public))
            arguments = [str(folder / name), name, f"127.0.0.1:{PORT}", str(authority)]
            processes.append(subprocess.Popen([sys.executable, "-c", SITE, *arguments]))
        wait_for(link, known, timeout_s=180)
        start = time.perf_counter()
        ends: list[float] = []
        _completed(run_deployed(gate, "benchmark", link, known, watch=lambda done: _note(ends, done)))
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)
        link.stop()
    return ends[0] - start, [end - before for before, end in pairwise(ends)]


def _completed(report: RunReport) -> None:
    if report.outcome != "completed":
        raise RuntimeError(f"the run ended with {report.outcome}: {json.dumps(dict(report.results))[:200]}")
