"""Laws: a coordinator that dies at any moment comes back to the same run; the model is the one it would have been.

No round is trained twice at a site, nothing is charged twice, and a checkpoint holds sums only.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from federated.canaries import with_setting
from federated.checkpoint import Checkpoint, checkpoint_bytes, in_order, parse_checkpoint
from federated.coordinator import run_study
from federated.errors import MalformedError, Refusal
from federated.gate import RoundReport, RunReport
from federated.local_round import Patience
from federated.models.package import parse_package
from federated.plan import Kind, plan_bytes
from federated.site.accounts import SiteAccounts
from federated.site.store import SiteStore
from tests.federated.summing import sharing
from tests.federated.test_coordinator import asking
from tests.federated.world import World, approve, build_world

SITES = ("north", "south", "west")


class Died(BaseException):
    """The coordinator's process is gone: nothing of it goes on, no `except` of its own catches this."""


class Mortal:
    """Sites and gate of a coordinator that dies at its n-th step, before or after the step was carried out."""

    def __init__(self, world: World, *, at: int, after: bool) -> None:
        self.world, self.at, self.after, self.steps = world, at, after, 0
        self.gate, self._ask = world.gate, asking(world)

    def _step(self, act: Callable[[], object]) -> object:
        self.steps += 1
        if self.steps == self.at and not self.after:
            raise Died
        done = act()
        if self.steps == self.at:
            raise Died
        return done

    def ask(self, kind: Kind | None, number: int, messages: Mapping[str, bytes]) -> Mapping[str, bytes]:
        answers: dict[str, bytes] = {}
        for site in messages:  # one site after the other: some have answered when it dies
            one = {site: messages[site]}
            answers |= self._step(lambda one=one: self._ask(kind, number, one))  # type: ignore[arg-type, misc]
        return answers

    def admit_run(self, study: str) -> object:
        return self._step(lambda: self.gate.admit_run(study))

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> object:
        return self._step(lambda: self.gate.admit_round(run, number, nonces))

    def settle_round(self, report: RoundReport) -> None:
        self._step(lambda: self.gate.settle_round(report))

    def settle_run(self, report: RunReport) -> None:
        self._step(lambda: self.gate.settle_run(report))

    def run(self) -> RunReport:
        return run_study(self, "study-1", ask=self.ask)  # type: ignore[arg-type]


def small(folder: Path, *, canaries: bool = False) -> World:
    world = build_world(
        folder, sites=SITES, members=40, minimum_cohort=5, minimum_cohort_of_plan=10, rounds=2, epsilon=2.0
    )
    world.gate.resumes = True
    if canaries:
        world.plan = with_setting(world.plan, count=100)
        world.gate.plan = plan_bytes(world.plan)
        world.gate.approvals = approve(world.gate.plan, world.reviewers)
    return world


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", [1, 3, 6, 8, 9, 10, 14, 16, 17, 22])
def test_a_run_goes_on_where_the_coordinator_died(
    tmp_path: Path, undisturbed: RunReport, step: int, after: bool
) -> None:
    world = small(tmp_path)
    with pytest.raises(Died):
        Mortal(world, at=step, after=after).run()
    report = Mortal(world, at=0, after=False).run()
    assert report.outcome == "completed"
    assert (report.run, report.rounds) == ("run-1", 4)
    assert report.results == undisturbed.results
    assert parse_package(report.model).weights.tolist() == parse_package(undisturbed.model).weights.tolist()
    settled = [(one.round, one.sites["north"].used_digest) for one in world.gate.rounds if one.checkpoint]
    assert [number for number, _ in settled] == [1, 2, 3, 4]
    for site in SITES:
        store = SiteStore(world.folders[site].database)
        (charged,) = SiteAccounts(store).history("year/2026")
        with store.reading() as database:
            attempts = database.execute("SELECT count(*), max(attempt) FROM attempts").fetchone()
        store.close()
        assert charged.run == "run-1"
        assert attempts == (4, 1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> RunReport:
    """The same run when nobody dies: the sites' noise is seeded."""
    mortal = Mortal(small(tmp_path_factory.mktemp("undisturbed")), at=0, after=False)
    report = mortal.run()
    assert mortal.steps > 22, "the deaths above must lie inside the run"
    return report


def test_canaries_survive_the_coordinators_death(tmp_path: Path) -> None:
    reports = []
    for name, step in (("calm", 0), ("dies", 16)):
        world = small(tmp_path / name, canaries=True)
        if step:
            with pytest.raises(Died):
                Mortal(world, at=step, after=True).run()
        reports.append(Mortal(world, at=0, after=False).run())
    assert reports[0].results["canaries"] == reports[1].results["canaries"]


def test_a_secure_sum_whose_coordinator_died_before_any_vector_left_goes_on(tmp_path: Path) -> None:
    world = sharing(small(tmp_path))
    with pytest.raises(Died):
        Mortal(world, at=9, after=True).run()
    assert Mortal(world, at=0, after=False).run().outcome == "completed"


def test_a_secure_sum_is_not_repeated_beyond_what_was_charged(tmp_path: Path) -> None:
    """The coordinator dies when every vector is with it: another one would be a second release."""
    world = sharing(small(tmp_path))
    with pytest.raises(Died):
        Mortal(world, at=15, after=True).run()
    report = Mortal(world, at=0, after=False).run()
    assert report.outcome == Refusal.OVER_BUDGET
    assert report.model == b""
    assert world.gate.reports == [report]


def test_a_secure_sum_that_nobody_comes_back_to_ends_under_a_code(tmp_path: Path) -> None:
    world = sharing(small(tmp_path))
    answers = asking(world)

    def ask(kind: Kind | None, number: int, messages: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return {} if world.gate.rounds else answers(kind, number, messages)

    report = run_study(world.gate, "study-1", ask=ask, patience=Patience(0.01, lambda _: None))
    assert report.outcome in (Refusal.SUM_TOO_FEW, Refusal.NO_QUORUM)
    assert world.gate.reports == [report]


def test_a_site_that_comes_back_while_there_is_patience_ends_no_run(tmp_path: Path) -> None:
    world, waited = small(tmp_path), []
    answers, away = asking(world), {"south": 3}

    def ask(kind: Kind | None, number: int, messages: Mapping[str, bytes]) -> Mapping[str, bytes]:
        got = dict(answers(kind, number, messages))
        if number == 2 and away["south"]:
            away["south"] -= 1
            got.pop("south", None)
            world.reopened("south")
        return got

    report = run_study(world.gate, "study-1", ask=ask, patience=Patience(60, waited.append))
    assert report.outcome == "completed"
    assert len(waited) == 3


def test_a_checkpoint_holds_the_totals_and_nothing_else(tmp_path: Path) -> None:
    world = small(tmp_path)
    Mortal(world, at=0, after=False).run()
    first = parse_checkpoint(world.gate.rounds[0].checkpoint)
    assert {*first.totals} == {"gradient"}
    assert first.totals["gradient"].shape == (5,)
    assert first.copies == len(SITES)


@pytest.mark.parametrize("payload", [b"", b"{}\n", b'{"blobs":[],"kind":"checkpoint"}\n'])
def test_what_is_no_checkpoint_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_checkpoint(payload)


@pytest.mark.parametrize("numbers", [(2,), (1, 1), (1, 3), (1, 2, 3)])
def test_checkpoints_of_other_rounds_are_refused(numbers: tuple[int, ...]) -> None:
    payloads = tuple(checkpoint_bytes(Checkpoint(number, {"g": np.zeros(2)})) for number in numbers)
    with pytest.raises(MalformedError, match="first rounds"):
        in_order(payloads, rounds=2)
