"""Law: a run over Flower, in process, does what its plan says at every site, and settles what really happened."""

import json
from pathlib import Path

import numpy as np
import pytest

from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.models.package import parse_package
from federated.results import read_tables
from tests.federated.world import World, build_world


def test_a_run_trains_evaluates_audits_and_settles(world: World) -> None:
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == "completed"
    assert [r.kind for r in world.gate.rounds] == ["train"] * 3 + ["evaluate", "audit"]
    assert world.gate.reports == [report]
    assert report.rounds == 5
    assert parse_package(report.model).plan == world.gate.plan
    json.dumps(report.results)
    (table,) = read_tables(world.plan, report.results)
    assert table.layout.all_groups == ("young", "old", "not given")


def test_a_model_trained_with_little_noise_ranks_members(tmp_path: Path) -> None:
    world = build_world(
        tmp_path, members=300, epsilon=20.0, epsilon_histogram=20.0, rounds=30, run=(60, 30), year=(60, 30)
    )
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.results["histogram"]["auc"] > 0.8


def test_a_run_that_is_not_admitted_says_why(world: World) -> None:
    with pytest.raises(RefusedError) as refused:
        run_embedded(world.gate, "another", world.answers)
    assert refused.value.code is Refusal.PLAN_NOT_APPROVED


def test_one_site_that_refuses_ends_the_run_under_its_code(world: World) -> None:
    world.gate.approvals = world.gate.approvals[1:]
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == Refusal.PLAN_NOT_APPROVED
    assert report.results["refusals"] == dict.fromkeys(world.plan.sites, "plan-not-approved")
    assert world.gate.reports == [report]
    assert report.model == b""


def test_a_silent_site_is_never_a_success(world: World) -> None:
    answers = dict(world.answers)
    del answers["west"]
    report = run_embedded(world.gate, "study-1", answers)
    assert report.outcome == Refusal.NO_QUORUM


def test_a_site_that_breaks_in_the_middle_ends_the_run(world: World) -> None:
    def breaks(message: bytes) -> bytes:
        if len(world.gate.rounds) == 1:
            raise OSError("a member's name")
        return world.agent("west").answer(message)

    report = run_embedded(world.gate, "study-1", {**world.answers, "west": breaks})
    assert report.outcome == Refusal.INTERNAL
    assert world.gate.rounds[-1].sites["west"].refusal is Refusal.INTERNAL
    assert world.gate.rounds[-1].sites["north"].used > 0
    assert report.rounds == 1


def test_a_withdrawal_takes_effect_with_the_next_round(world: World) -> None:
    site = "north"
    leaving = list(world.gate.allowed[site])[:25]

    def withdraw(report: object) -> None:
        if len(world.gate.rounds) == 2:
            world.gate.withdraw(site, *leaving)

    run_embedded(world.gate, "study-1", world.answers, watch=withdraw)
    before, after = world.gate.rounds[1].sites[site], world.gate.rounds[2].sites[site]
    assert (before.removed, after.removed) == (0, 25)
    assert after.used < before.used
    assert after.used_digest != before.used_digest


def test_the_same_words_of_noise_give_the_same_model(tmp_path: Path) -> None:
    models = []
    for name in ("one", "two"):
        world = build_world(tmp_path / name)
        models.append(parse_package(run_embedded(world.gate, "study-1", world.answers).model).weights)
    assert np.array_equal(*models)
