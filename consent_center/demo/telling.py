"""What every story of the demo has in common: its frame, and the acts that do not depend on what is trained.

Each act uses the product's own workflows, gate, sites and verifier, and only tells what happened.
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

from audit.fairness.verdict import Thresholds
from consent_center.demo import load, proof
from consent_center.demo.asking import approve, let_through
from consent_center.demo.federation import Federation
from consent_center.demo.folder import fresh_folder
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage, ask, consent_centre, enrol
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.studies.study import Study
from consent_center.workflows.release_model import release_model
from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.gate import Admission, RoundReport
from federated.plan import Plan
from privacy.statement import NoiseMode, claim

MINIMUM_COHORT = 200
Load = Callable[[Options], Federation]
Acts = Callable[[Told, Show], None]
Write = Callable[[Told, Path], dict[str, Any]]


def tell(
    options: Options,
    show: Show,
    world: World | None,
    *,
    data: Load,
    acts: Acts,
    write: Write,
) -> dict[str, Any]:
    """Tell a story once, in a new folder, and return the report that was written to `options.out`.

    Args:
        options: what was asked for.
        show: what the reader sees.
        world: clock, noise and names of runs; None for the real ones.
        data: who holds which rows.
        acts: everything after the members' answers.
        write: the report.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    began = monotonic()
    with fresh_folder(options.out) as folder:
        show.act(1, "Data")
        federation = data(options)
        show.line(f"{federation.source}. {federation.members:,} members at {len(federation.sites)} sites.")
        with consent_centre(options, world or World(), folder, federation) as stage:
            told = Told(stage)
            _ask_members(told, show)
            acts(told, show)
            for agent in stage.agents.values():
                agent.close()
        told.seconds = monotonic() - began
        report = write(told, folder)
    read = "report.html" if (options.out / "report.html").exists() else "report.json"
    show.end(report, options.out, read=read)
    return report


def loaded(options: Options) -> Federation:
    """The data set that was asked for, as it is."""
    return load.load(options.data, sites=options.sites, seed=options.seed)


def approved(stage: Stage, study: Study) -> None:
    """Every reviewer and every site signs the plan's digest."""
    where = approve(stage, study)
    if not where.approved:
        raise AssertionError(f"approved by all, and still missing {where.missing}")


def train(
    told: Told,
    plan: Plan,
    show: Show,
    *,
    rounds: int,
    then: str,
    admission: str = "Admission and charge",
    watch: Callable[[RoundReport], None] = lambda _: None,
) -> None:
    """Acts 4 and 5: one run of an approved plan, from its admission to its end; afterwards what may be claimed.

    Args:
        told: the story so far.
        plan: of the study.
        show: what the reader sees.
        rounds: how many of them there will be, of whatever kind.
        then: the title of the act after the admission.
        admission: the title of the admission.
        watch: told of each round.

    Raises:
        RefusedError: the run was not admitted, or ended with a code.
    """
    stage = told.stage
    show.act(4, admission)

    def admitted(made: Admission) -> None:
        told.admission = made
        show.admitted(made, stage.budget)
        show.act(5, then)

    def watched(report: RoundReport) -> None:
        told.rounds.append(report)
        watch(report)
        tick(1)

    gate = DemoGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)
    gate.on_admitted = admitted
    with show.bar("rounds", rounds) as tick:
        told.run = run_embedded(
            gate, plan.study, {name: one.answer for name, one in stage.agents.items()}, watch=watched
        )
    if told.run.outcome != "completed" or told.admission is None:
        raise RefusedError(Refusal(told.run.outcome), f"the run ended with {told.run.outcome}")
    told.claim = claim(
        [told.admission.permit.charge], budget=stage.budget, noise=NoiseMode.LOCAL, sites=len(plan.sites)
    )


def check_release(told: Told, show: Show, *, number: int, title: str = "Fairness check before release") -> None:
    """The check before release; a model that it withholds is let through by a named reviewer, for the stand only."""
    stage = told.stage
    if told.run is None:
        raise AssertionError("told out of order")
    show.act(number, title)
    told.release = stage.store.run(release_model, told.run.run, thresholds=Thresholds(), at=stage.world.clock())
    show.audited(told.release)
    if told.release.state == "withheld":
        told.override = let_through(stage, told.release.model_digest)
        show.overridden(told.override)


def check_log(told: Told, show: Show, *, number: int) -> None:
    """The log is published, verified by a process of its own, and one flipped bit is found."""
    stage = told.stage
    show.act(number, "The log")
    told.published = proof.publish_log(stage.store, stage.folder)
    log, key = stage.folder / "log", stage.folder / "log.vkey"
    checked = proof.verify(log, key)
    told.verified = checked.verified
    show.quote(checked.words)
    tampered = proof.verify_tampered(log, key)
    told.tamper_detected = not tampered.verified
    show.line("One bit of one tile flipped in a copy:")
    show.quote(tampered.words)
    if not (told.verified and told.tamper_detected):
        raise AssertionError("the log did not verify as it should")


class DemoGate(StoreGate):
    """The product's gate, with a window through which the demo sees what was admitted."""

    on_admitted: Callable[[Admission], None] = staticmethod(lambda _: None)

    def admit_run(self, study: str) -> Admission:
        """Admit, and tell."""
        admitted = super().admit_run(study)
        self.on_admitted(admitted)
        return admitted


def _ask_members(told: Told, show: Show) -> None:
    """Members enrol at their sites and answer."""
    stage = told.stage
    show.act(2, "Consents")
    rows = sum(site.rows.num_rows for site in stage.federation.sites)
    with show.bar("members enrol at their sites", stage.federation.members + rows) as tick:
        enrol(stage, tick=tick)
    with show.bar(f"members answer {len(stage.notices)} notices", None) as tick:
        told.statements = ask(stage, tick=tick)
    show.line(
        f"{told.statements} answers are kept, each with its entry in the log: yes, no, later, expired, withdrawn."
    )
