"""Law: with shared noise a run comes to what its survivors' sums come to, at no higher price, and shows no single site.

The noise of each site alone is too little; it may leave under masks only.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import kind_of, parse_refused
from federated.flower.embedded import run_embedded
from federated.gate import RunReport
from federated.models.package import parse_package
from federated.plan import parse_plan, plan_bytes
from federated.price import price
from federated.shared_noise import check_noise, with_shared_noise
from federated.site.folder import open_site
from federated.site.summing import Speaks
from federated.sum_exchange import parse_vector
from privacy.mechanism import DiscreteGaussian, Gaussian
from tests.federated.summing import Unreliable, sharing
from tests.federated.world import NoNoise, SeededNoise, World, build_world, make_plan, request_for


class NoShares(NoNoise):
    """No noise at all, in shares too."""

    def discrete_gaussian(self, shape: int | tuple[int, ...], std: float) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)

    def negative_binomial_share(self, shape: int | tuple[int, ...], **_: object) -> np.ndarray:
        return np.zeros(shape, dtype=np.int64)


def small(folder: Path, **changes: object) -> World:
    return build_world(folder, members=60, minimum_cohort=10, minimum_cohort_of_plan=20, **changes)  # type: ignore[arg-type]


def run(world: World, **unreliable: Unreliable) -> RunReport:
    return run_embedded(world.gate, "study-1", {**world.answers, **unreliable})


def test_a_run_under_masks_completes_and_settles_every_round(world: World) -> None:
    report = run(sharing(world))
    assert report.outcome == "completed"
    assert [one.kind for one in world.gate.rounds] == ["train"] * 3 + ["evaluate", "audit"]
    assert all(site.used and not site.refusal for one in world.gate.rounds for site in one.sites.values())


def test_without_noise_masks_change_nothing_but_the_rounding(tmp_path: Path) -> None:
    """The step size depends on the noise of the plan; with the same steps both ways come to the same gradient."""
    models = []
    for shared in (False, True):
        world = build_world(tmp_path / str(shared), noise=NoShares(), rounds=1)
        if shared:
            sharing(world, noise=lambda _: NoShares())
        report = run(world)
        models.append(parse_package(report.model).weights)
    local, shared_ = models
    assert np.allclose(local / np.linalg.norm(local), shared_ / np.linalg.norm(shared_), atol=1e-3)


@pytest.mark.parametrize(("sites", "dropouts"), [(3, 0), (5, 1), (6, 2)])
def test_shared_noise_costs_no_more_than_local_noise(sites: int, dropouts: int) -> None:
    plan = make_plan(tuple(f"s{n}" for n in range(sites)), members=1_000)
    shared = with_shared_noise(plan, dropouts=dropouts)
    assert price(shared).fits(price(plan))
    assert price(shared).gaussian > 0.99 * price(plan).gaussian
    (release,) = shared.releases_of("train")
    assert isinstance(release.mechanism, DiscreteGaussian)
    assert release.mechanism.shares == sites - 1 - dropouts
    assert parse_plan(plan_bytes(shared)) == shared


def test_the_totals_noise_is_that_of_the_honest_survivors(world: World) -> None:
    """Sum of 4 shares made for 3: variance 4/3 of the plan's, against 4 with local noise."""
    (release,) = sharing(world).plan.releases_of("train")
    local = make_plan(world.plan.sites, members=600).releases_of("train")[0].mechanism
    assert isinstance(release.mechanism, DiscreteGaussian)
    assert isinstance(local, Gaussian)
    carried = 4 * (release.mechanism.share_std * release.mechanism.grid) ** 2
    assert carried == pytest.approx(4 / 3 * local.std**2, rel=0.01)


def test_counts_under_masks_carry_less_noise(tmp_path: Path) -> None:
    local = run(build_world(tmp_path / "local")).results["histogram"]["noise_variance"]
    shared = run(sharing(build_world(tmp_path / "shared"))).results["histogram"]["noise_variance"]
    assert shared == pytest.approx(local / 3)


def test_a_site_that_leaves_in_a_round_is_not_in_its_sum_and_comes_back_in_the_next(tmp_path: Path) -> None:
    world = sharing(small(tmp_path), dropouts=1)
    west = Unreliable(world.agent("west").answer, lambda kind, times: kind == "sum-round" and times == 2)
    report = run(world, west=west)
    assert report.outcome == "completed"
    codes = [one.sites["west"].refusal for one in world.gate.rounds]
    assert codes == [None, Refusal.INTERNAL, None, None, None]


@pytest.mark.parametrize(
    ("kind", "after"),
    [("sum-open", True), ("sum-list", False), ("sum-round", True), ("sum-unmask", False), ("sum-unmask", True)],
)
def test_a_site_may_fall_silent_at_any_step(tmp_path: Path, kind: str, *, after: bool) -> None:
    world = sharing(small(tmp_path), dropouts=1)
    west = Unreliable(world.agent("west").answer, lambda asked, times: (asked, times) == (kind, 2), after=after)
    report = run(world, west=west)
    assert report.outcome == "completed"
    assert world.gate.rounds[-1].sites["west"].refusal is None


def test_a_site_that_left_for_good_is_missed_in_every_round_and_the_rest_goes_on(tmp_path: Path) -> None:
    world = sharing(small(tmp_path), dropouts=1)
    west = Unreliable(
        world.agent("west").answer, lambda kind, _: kind.startswith("sum") or west.seen.get("sum-open", 0)
    )
    report = run(world, west=west)
    assert report.outcome == "completed"
    assert all(one.sites["west"].refusal for one in world.gate.rounds)
    assert len(world.gate.rounds) == 5


def test_two_sites_that_leave_end_the_run_and_the_round_is_in_the_log(tmp_path: Path) -> None:
    world = sharing(small(tmp_path), dropouts=1)
    lost = {
        site: Unreliable(world.agent(site).answer, lambda kind, _: kind == "sum-round") for site in ("west", "east")
    }
    report = run(world, **lost)
    assert report.outcome == Refusal.INTERNAL
    assert (report.rounds, report.model) == (0, b"")
    assert {site for site, done in world.gate.rounds[-1].sites.items() if done.refusal} == {"east", "west"}


def test_an_attempt_that_opened_nothing_is_tried_again_as_often_as_priced(tmp_path: Path) -> None:
    world = sharing(small(tmp_path, max_attempts=2, run=(9.0, 4.0)))
    west = Unreliable(world.agent("west").answer, lambda kind, times: kind == "sum-round" and times == 1)
    report = run(world, west=west)
    assert report.outcome == "completed"
    with world.agent("north")._ground.store.reading() as database:
        attempts = database.execute("SELECT number, count(*) FROM attempts GROUP BY number").fetchall()
    assert attempts == [(1, 2), (2, 1), (3, 1), (4, 1), (5, 1)]


def test_no_site_makes_more_attempts_than_were_priced(tmp_path: Path) -> None:
    world = sharing(small(tmp_path, max_attempts=2, run=(9.0, 4.0)))
    west = Unreliable(world.agent("west").answer, lambda kind, _: kind == "sum-round")
    assert run(world, west=west).outcome == Refusal.INTERNAL
    with world.agent("north")._ground.store.reading() as database:
        assert database.execute("SELECT number, count(*) FROM attempts GROUP BY number").fetchall() == [(1, 2)]


def test_a_coordinator_cannot_ask_for_the_outputs_without_masks(world: World) -> None:
    admission, opened = sharing(world).opened()
    answer = world.agent().answer(request_for(world, admission, opened))
    assert parse_refused(answer).code is Refusal.PLAN_CHANGED


def test_a_plan_with_local_noise_is_not_summed(world: World) -> None:
    from federated.sum_exchange import Step, step_bytes

    admission, opened = world.opened()
    statement = world.gate.statement(admission.run, "north", 1, opened.nonce).to_text().encode()
    step = Step("sum-open", admission.run, 1, 1, blobs=(statement,))
    assert parse_refused(world.agent().answer(step_bytes(step))).code is Refusal.PLAN_CHANGED


def test_a_plan_whose_noise_is_of_the_other_mode_is_refused(world: World) -> None:
    shared = with_shared_noise(world.plan)
    for wrong in (
        replace(shared, releases=world.plan.releases),
        replace(world.plan, releases=shared.releases),
        replace(shared, dropouts=1),
    ):
        with pytest.raises(RefusedError) as refused:
            check_noise(wrong)
        assert refused.value.code is Refusal.MALFORMED


def test_two_sites_are_refused_before_anything_is_filed() -> None:
    with pytest.raises(MalformedError, match="3 to 12 sites"):
        with_shared_noise(make_plan(("a", "b"), members=1_000))


def test_a_site_without_the_others_keys_does_not_sum(world: World) -> None:
    world.plan = with_shared_noise(world.plan)
    world.gate.plan = plan_bytes(world.plan)
    from tests.federated.world import approve

    world.gate.approvals = approve(world.gate.plan, world.reviewers)
    assert run(world).outcome == Refusal.POLICY


def test_what_the_coordinator_sees_of_a_site_tells_nothing(world: World) -> None:
    """Every masked vector fills the ring; unmasked integers of this plan stay below 2**40."""
    seen: list[np.ndarray] = []
    sharing(world)
    answers = dict(world.answers)

    def watched(message: bytes) -> bytes:
        reply = world.agent("west").answer(message)
        if kind_of(reply) == "sum-vector":
            seen.append(parse_vector(reply).words)
        return reply

    run_embedded(world.gate, "study-1", {**answers, "west": watched})
    words = np.concatenate(seen)
    assert words.size == 3 * 5 + 2 * 10 + 18
    assert np.median(words >> np.uint64(40)) > 2**20


def test_removals_count_under_masks_too(tmp_path: Path) -> None:
    world = sharing(small(tmp_path))
    leaving = list(world.gate.allowed["north"])[:25]

    def withdraw(_: object) -> None:
        if len(world.gate.rounds) == 2:
            world.gate.withdraw("north", *leaving)

    run_embedded(world.gate, "study-1", world.answers, watch=withdraw)
    before, after = world.gate.rounds[1].sites["north"], world.gate.rounds[2].sites["north"]
    assert (before.removed, after.removed) == (0, 25)
    assert after.used < before.used


def test_a_statement_that_grew_old_between_keys_and_rows_stops_the_round(tmp_path: Path) -> None:
    world = sharing(small(tmp_path))

    def slow(message: bytes) -> bytes:
        if kind_of(message) == "sum-round":
            world.clock.forward(seconds=61)
        return world.agent("west").answer(message)

    report = run_embedded(world.gate, "study-1", {**world.answers, "west": slow})
    assert report.outcome == Refusal.STATEMENT_STALE


def test_a_site_that_restarts_in_a_round_has_left_it(tmp_path: Path) -> None:
    world = sharing(small(tmp_path), dropouts=1)
    restarted: list[str] = []

    def crashing(message: bytes) -> bytes:
        if kind_of(message) == "sum-round" and not restarted:
            restarted.append("once")
            world.agent("west").close()
            world.agents["west"] = open_site(world.folders["west"], clock=world.clock, noise=SeededNoise(5))
        return world.agent("west").answer(message)

    report = run_embedded(world.gate, "study-1", {**world.answers, "west": crashing})
    assert report.outcome == "completed"
    assert [one.sites["west"].refusal for one in world.gate.rounds][:2] == [Refusal.ROUND_OUT_OF_ORDER, None]


def test_a_site_with_another_key_than_was_pinned_cannot_take_part(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    world = sharing(small(tmp_path), dropouts=1)
    west = world.agent("west")
    west._sums._speaks = Speaks(Ed25519PrivateKey.generate(), lambda: bytes(32))
    assert run(world).outcome == Refusal.SUM_TAMPERED
