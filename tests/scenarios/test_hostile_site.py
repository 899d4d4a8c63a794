"""Scenario: one of three sites turns its updates round, ten times over. The held-out check holds the model back.

The whole way: consents, an approved study, two admitted runs, the release check. The first run is honest and shows that
it is the poison, and not the check, that makes the difference.
"""

from dataclasses import replace

import pytest

from consent_center.demo.asking import STUDY, approve, file_and_assess, plan_of, register
from consent_center.demo.stage import Stage, ask, enrol, furnish
from consent_center.demo.synthetic import load
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.settings import clock
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Store
from consent_center.workflows._held_out import HeldOut, held_out
from consent_center.workflows.release_model import release_model
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
def released(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    folder = tmp_path_factory.mktemp("hostile")
    ring, signer = create_root_key(folder / "root.key"), create_key(folder / "signing.key")
    options = Options(data="synthetic", sites=3, epsilon=4.0, rounds=12)
    outside = World(noise=lambda: SeededNoise(11))
    with Store.open(f"sqlite:///{folder / 'accord.db'}", keys=ring) as store:
        federation = load(sites=3, members=MEMBERS)
        stage: Stage = furnish(options, outside, folder, federation, store=store, signer=signer, runs=2)
        enrol(stage, tick=nothing)
        ask(stage, tick=nothing)
        register(stage)
        plan = plan_of(stage, STUDY, sites=[site.site for site in federation.sites], minimum_cohort=200)
        study, _ = file_and_assess(stage, plan)
        assert approve(stage, study).approved
        made = {}
        for name in ("honest", "hostile"):
            gate = StoreGate(store, signer=signer, clock=clock, new_run=lambda name=name: f"run-{name}")  # type: ignore[misc]
            answers = {site: agent.answer for site, agent in stage.agents.items()}
            if name == "hostile":
                answers["site-2"] = inverting(answers["site-2"])
            report = run_embedded(gate, STUDY, answers)
            assert report.outcome == "completed"
            made[name] = store.run(release_model, report.run, at=clock())
        for agent in stage.agents.values():
            agent.close()
    return made


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


@pytest.mark.parametrize(("low", "least", "passed"), [(0.5, 0.5, False), (0.5001, 0.5, True), (0.6, 0.7, False)])
def test_the_low_end_has_to_be_above_what_is_asked_for(low: float, least: float, passed: bool) -> None:
    assert HeldOut(0.8, low, 0.9, least).passed is passed


def test_a_run_that_measured_nothing_is_not_held_back_by_it() -> None:
    from tests.consent_center.workflows.test_admission import plan_for

    assert held_out(plan_for("s1"), {"audit": {"cells": []}}) is None
    found = held_out(plan_for("s1"), {"histogram": {"auc": 0.6, "auc_interval": [0.4, 0.8]}})
    assert found is not None
    assert not found.passed
