"""Law: the same two apps run under stock `flower-superlink` and `flower-supernode`, over TLS with registered keys.

Minutes of it: run by `make stock`.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks._stock import stock_flower
from federated.models.package import parse_package
from tests.federated.summing import sharing
from tests.federated.world import build_world


@pytest.mark.parametrize("shared", [False, True], ids=["local noise", "secure sum"])
def test_a_run_completes_under_stock_flower(tmp_path: Path, *, shared: bool) -> None:
    world = build_world(
        tmp_path, sites=("east", "north", "south"), members=60, minimum_cohort=10, minimum_cohort_of_plan=20, rounds=2
    )
    world = sharing(world) if shared else world
    world.gate.clock = lambda: datetime.now(UTC)  # noqa: TID251  workers in their own processes have no other clock
    for agent in world.agents.values():
        agent.close()
    folders = {name: folder.path for name, folder in world.folders.items()}
    with stock_flower(tmp_path / "stock", world.gate, folders) as stock:
        assert stock.run("study-1", timeout_s=300) == "completed", stock.said()
    (report,) = world.gate.reports
    assert report.outcome == "completed", report.results
    assert [one.kind for one in world.gate.rounds] == ["train"] * 2 + ["evaluate", "audit"]
    assert parse_package(report.model).plan == world.gate.plan
