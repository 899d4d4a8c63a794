"""What one round costs beside the model: a trivial model, a gate in memory, sites embedded and deployed.

`embedded_ms` keeps the sites' databases in memory-backed files, so it is the cost of the code: Flower's serialisation,
signatures, journal. `embedded_durable_ms` is the same on the disk, with the two fsyncs per site and round that the
crash rule needs. `deployed_3_ms` and `deployed_6_100k_ms` are sites in processes of their own on loopback, over TLS
with registered keys, their databases in memory-backed files too; the second with 100,000 parameters, and
`embedded_6_100k_ms` is the same without network and processes. `start_s` is from the sites being connected to the end
of the first round. The first round, which reads the rows, is left out.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
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
from federated.gate import RunReport

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
    """How a round grows with sites and with members; 1 is linear, less is better than that."""
    for what, steps, shape in (("sites", GROWTH, "sites"), ("members", MEMBERS, "members")):
        medians = []
        for size in steps:
            sizes = {"sites": 1, "members": 20, shape: size}
            with tempfile.TemporaryDirectory(dir=memory) as folder:
                seconds = _embedded(Path(folder), rounds=25 if shape == "sites" else 8, **sizes)
            _put(figures, f"{what}_{size}", seconds)
            medians.append(statistics.median(seconds))
        worst = max(
            (after - before) * size / (before * (larger - size))
            for (before, after), (size, larger) in zip(pairwise(medians), pairwise(steps), strict=True)
        )
        figures[f"{what}_growth"] = round(worst, 2)


def _embedded(folder: Path, *, sites: int, members: int, rounds: int, categories: int = 0) -> list[float]:
    gate, agents = federation(folder, sites=sites, members=members, rounds=rounds, categories=categories)
    ends: list[float] = []
    answers = {name: agent.answer for name, agent in agents.items()}
    _completed(run_embedded(gate, "benchmark", answers, watch=lambda _: ends.append(time.perf_counter())))
    return [end - start for start, end in pairwise(ends)]


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
        _completed(run_deployed(gate, "benchmark", link, known, watch=lambda _: ends.append(time.perf_counter())))
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
