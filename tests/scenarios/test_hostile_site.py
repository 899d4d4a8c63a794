"""Scenario: one of three sites turns its updates round, ten times over. The held-out check holds the model back.

The whole way: consents, an approved study, two admitted runs, the release check. The first run is honest and shows that
it is the poison, and not the check, that makes the difference.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest

from consent_center.demo import rule_story
from consent_center.demo.asking import STUDY, approve, file_and_assess, plan_of, register
from consent_center.demo.people import withdrawal
from consent_center.demo.stage import Stage, ask, enrol, furnish
from consent_center.demo.synthetic import load
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.settings import clock
from consent_center.storage import runs
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store
from consent_center.workflows._held_out import HeldOut, held_out
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.release_model import release_model
from consent_center.workflows.show_lineage import show_lineage
from federated.exchange import kind_of, parse_reply, reply_bytes
from federated.flower.embedded import run_embedded
from federated.flower.gates import Answer
from federated.keyfile import create_key
from privacy.keys import create_root_key
from tests.privacy.seeded_noise import SeededNoise

MEMBERS = 3000


def nothing(_steps: int) -> None:
    """Nobody watches."""


def inverting(honest: Answer) -> Answer:
    """Everything the site sends in a training round, with its sign turned and ten times as large."""

    def answer(message: bytes) -> bytes:
        sent = honest(message)
        if kind_of(sent) != "reply":
            return sent
        reply = parse_reply(sent)
        turned = {name: -10 * values if name == "gradient" else values for name, values in reply.outputs.items()}
        return reply_bytes(replace(reply, outputs=turned))

    return answer


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Three sites whose members have answered, enough in the accounts for three runs."""
    folder = tmp_path_factory.mktemp("hostile")
    ring, signer = create_root_key(folder / "root.key"), create_key(folder / "signing.key")
    options = Options(data="synthetic", sites=3, epsilon=4.0, rounds=12)
    outside = World(noise=lambda: SeededNoise(11))
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=ring) as store:
        federation = load(sites=3, members=MEMBERS)
        made = furnish(options, outside, folder, federation, store=store, signer=signer, runs=3)
        enrol(made, tick=nothing)
        ask(made, tick=nothing)
        register(made)
        yield made
        for agent in made.agents.values():
            agent.close()


def judged(stage: Stage, study: str, run: str, answers: Mapping[str, Answer]) -> Release:
    """One run of an approved study, and what the release check says of its model."""
    gate = StoreGate(stage.store, signer=stage.signer, clock=clock, new_run=lambda: run)
    report = run_embedded(gate, study, answers)
    assert report.outcome == "completed"
    return stage.store.run(release_model, report.run, at=clock())


@pytest.fixture(scope="module")
def released(stage: Stage) -> dict[str, Release]:
    plan = plan_of(stage, STUDY, sites=[site.site for site in stage.federation.sites], minimum_cohort=200)
    study, _ = file_and_assess(stage, plan)
    assert approve(stage, study).approved
    honest = {site: agent.answer for site, agent in stage.agents.items()}
    hostile = {**honest, "site-2": inverting(honest["site-2"])}
    return {
        name: judged(stage, STUDY, f"run-{name}", all_) for name, all_ in (("honest", honest), ("hostile", hostile))
    }


def test_the_poisoned_model_is_held_back_and_says_why(released: dict[str, Release]) -> None:
    hostile = released["hostile"]
    assert (hostile.state, hostile.verdict) == ("withheld", "FAIL")
    assert hostile.report["held_out"]["passed"] is False
    assert hostile.report["held_out"]["interval"][0] <= 0.5
    assert "not surely more than 0.5" in hostile.report["held_out"]["sentence"]


def test_the_honest_model_passes_the_held_out_check(released: dict[str, Release]) -> None:
    honest = released["honest"]
    assert honest.report["held_out"]["passed"] is True
    assert honest.report["held_out"]["auc"] > 0.6


def test_a_rule_passes_the_same_check_and_nobody_who_leaves_calls_for_a_training(
    stage: Stage, released: dict[str, Release]
) -> None:
    options = Options(data="synthetic", sites=3, model="rfm")
    study, _ = file_and_assess(stage, rule_story.plan_of(replace(stage, options=options)))
    assert approve(stage, study).approved
    rule = judged(stage, study.id, "run-rule", {site: agent.answer for site, agent in stage.agents.items()})
    assert rule.report["held_out"]["passed"] is True
    member = stage.store.read(runs.members, "run-rule")[0]
    stage.store.run(make_statements, withdrawal(member.member, stage.notices, member.site), at=clock())
    of = {name: stage.store.read(show_lineage, one.model_digest, at=clock()) for name, one in released.items()}
    assert of["honest"].gone == 1
    lineage = stage.store.read(show_lineage, rule.model_digest, at=clock())
    assert (lineage.run, lineage.rounds, lineage.gone) == ("run-rule", 2, 0)


@pytest.mark.parametrize(("low", "least", "passed"), [(0.5, 0.5, False), (0.5001, 0.5, True), (0.6, 0.7, False)])
def test_the_low_end_has_to_be_above_what_is_asked_for(low: float, least: float, passed: bool) -> None:
    assert HeldOut(0.8, low, 0.9, least).passed is passed


def test_a_run_that_measured_nothing_is_not_held_back_by_it() -> None:
    from tests.consent_center.workflows.test_admission import plan_for

    assert held_out(plan_for("s1"), {"audit": {"cells": []}}) is None
    found = held_out(plan_for("s1"), {"histogram": {"auc": 0.6, "auc_interval": [0.4, 0.8]}})
    assert found is not None
    assert not found.passed
