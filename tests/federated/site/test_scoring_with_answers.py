"""Law: scoring reads a helper's answer only for members whose token is on the present list; else it is missing."""

import secrets

import pytest

from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.models.score_plan import score_plan
from federated.plan import parse_plan, plan_bytes
from federated.site.scorebook import ScoreBook
from federated.site.scoring import Desk, open_desk, score_members
from tests.federated.linked_world import HELPERS, HOLDER, LINKED, MEMBERS, build_linked_world
from tests.federated.world import World, approve


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, bytes]:
    world = build_linked_world(tmp_path_factory.mktemp("scoring"))
    report = run_embedded(world.gate, "study-1", world.answers)
    assert report.outcome == "completed"
    return world, report.model


def scoring(world: World, package: bytes) -> Desk:
    """The holder's desk, and a gate that admits a scoring of everybody with this model."""
    plan = score_plan(
        study="study-1",
        country="HK",
        site=HOLDER,
        purpose="offers",
        scopes=("purchases",),
        package=package,
        minimum_cohort=20,
    )
    payload = plan_bytes(plan)
    world.gate.plan, world.gate.approvals = payload, approve(payload, world.reviewers)
    world.gate.admitted += 100
    for agent in world.agents.values():
        agent.close()
    return open_desk(world.folders[HOLDER], clock=world.clock, draw_nonce=lambda: secrets.token_hex(8))


def scores(desk: Desk, run: str) -> dict[bytes, float]:
    book = ScoreBook(desk.store)
    return {
        pseudonym: float(score)
        for block in book.blocks(run, book.blocks_done(run))
        for pseudonym, score in zip(block.pseudonyms, block.columns["score"], strict=True)
    }


def test_a_plan_that_scores_names_the_same_helpers_and_nothing_crosses(trained: tuple[World, bytes]) -> None:
    world, package = trained
    desk = scoring(world, package)
    plan = parse_plan(world.gate.plan)
    assert plan.concerned == (HOLDER, *HELPERS)
    assert plan.reached == (HOLDER,)
    assert plan.exchange is not None
    assert plan.exchange.trained
    done = score_members(desk, world.gate, package, study="study-1")
    assert (done.members, done.without_row) == (MEMBERS, 0)


def test_an_answer_moves_a_score_and_without_a_token_it_is_missing(trained: tuple[World, bytes]) -> None:
    world, package = trained
    everybody = scoring(world, package)
    with_answers = scores(everybody, score_members(everybody, world.gate, package, study="study-1").run)
    gone, linked = world.gate.linked[HELPERS[0]][0], world.gate.linked
    world.gate.linked = {site: listed[1:] for site, listed in world.gate.linked.items()}
    fewer = scoring(world, package)
    without = scores(fewer, score_members(fewer, world.gate, package, study="study-1").run)
    world.gate.linked = linked
    assert with_answers[gone.at_holder] != without[gone.at_holder]
    others = with_answers.keys() - {gone.at_holder}
    assert {own: with_answers[own] for own in others} == {own: without[own] for own in others}
    assert len(others) == MEMBERS - 1 > LINKED


def test_another_site_cannot_score_with_answers_that_were_given_to_this_one(trained: tuple[World, bytes]) -> None:
    _, package = trained
    with pytest.raises(Exception, match="only that site can score"):
        score_plan(study="s", country="HK", site="shop", purpose="offers", scopes=("purchases",), package=package)


def test_after_the_quarter_the_model_scores_no_more(trained: tuple[World, bytes]) -> None:
    world, package = trained
    world.clock.forward(days=40)
    desk = scoring(world, package)
    with pytest.raises(RefusedError) as refused:
        score_members(desk, world.gate, package, study="study-1")
    assert refused.value.code is Refusal.LINK_EPOCH
