"""What one round costs beside the model: five sites in one process, a trivial model, a gate in memory.

`embedded_ms` keeps the sites' databases in memory-backed files, so it is the cost of the code: Flower's serialisation,
signatures, journal. `embedded_durable_ms` is the same on the disk, with the two fsyncs per site and round that the
crash rule needs. The first round, which reads the rows, is left out. Deployed figures come with deployed sites.
"""

import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks._sites import federation
from federated.flower.embedded import run_embedded

SITES = 5
ROUNDS = 100
MEMORY = Path("/dev/shm")


def run() -> dict[str, dict[str, object]]:
    """Measure; see the module."""
    figures: dict[str, object] = {"sites": SITES, "rounds": ROUNDS}
    places = [("embedded", MEMORY if MEMORY.is_dir() else None), ("embedded_durable", None)]
    for name, place in places:
        with tempfile.TemporaryDirectory(dir=place) as folder:
            seconds = _rounds(Path(folder))
        later = sorted(seconds)
        figures[f"{name}_ms"] = round(1000 * statistics.median(later), 2)
        figures[f"{name}_p95_ms"] = round(1000 * later[int(0.95 * len(later))], 2)
        print(f"{name}: median {figures[f'{name}_ms']} ms, 95th percentile {figures[f'{name}_p95_ms']} ms a round")
    return {"figures": figures, "goals": {"embedded_ms": ["<=", 8.0]}}


def _rounds(folder: Path) -> list[float]:
    gate, agents = federation(folder, sites=SITES, members=20, rounds=ROUNDS)
    ends: list[float] = []
    report = run_embedded(
        gate,
        "benchmark",
        {name: agent.answer for name, agent in agents.items()},
        watch=lambda _: ends.append(time.perf_counter()),
    )
    if report.outcome != "completed":
        raise RuntimeError(f"the run ended with {report.outcome}")
    return [end - start for start, end in pairwise(ends)]
