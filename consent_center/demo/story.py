"""`accord demo`: consents, a signed cohort, a private training, a charge, a fairness check, a log that verifies.

Each act uses the product's own workflows, gate, sites and verifier; this file only tells them in order.
"""

from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

import numpy as np

from audit.fairness.verdict import Thresholds
from consent_center.demo import attempts, load, proof
from consent_center.demo.asking import (
    STUDY,
    approve,
    file_and_assess,
    let_through,
    plan_of,
    refuse_self_approval,
    register,
)
from consent_center.demo.attempts import Attempt
from consent_center.demo.comparison import compare
from consent_center.demo.folder import fresh_folder
from consent_center.demo.offers import make_offers
from consent_center.demo.people import withdrawal
from consent_center.demo.programme import OFFERS
from consent_center.demo.report import epsilon_by_part, write_report
from consent_center.demo.show import Show
from consent_center.demo.stage import ask, consent_centre, enrol
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.storage import ledger, runs
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.release_model import release_model
from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.gate import Admission, RoundReport
from federated.plan import part_of
from privacy.ledger import PROGRAMME
from privacy.statement import NoiseMode, claim

T = TypeVar("T")
WITHDRAWN_MIDRUN = 25
MINIMUM_COHORT = 200


class DemoGate(StoreGate):
    """The product's gate, with a window through which the demo sees what was admitted."""

    on_admitted: Callable[[Admission], None] = staticmethod(lambda _: None)

    def admit_run(self, study: str) -> Admission:
        """Admit, and tell."""
        admitted = super().admit_run(study)
        self.on_admitted(admitted)
        return admitted


def run_demo(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the whole story once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    began = monotonic()
    known = world or World()
    with fresh_folder(options.out) as folder:
        show.act(1, "Data")
        federation = load.load(options.data, sites=options.sites, seed=options.seed)
        show.line(f"{federation.source}. {federation.members:,} members at {len(federation.sites)} sites.")
        with consent_centre(options, known, folder, federation) as stage:
            told = Told(stage)
            ask_members(told, show)
            _study(told, show)
            _run(told, show)
            _check(told, show)
            _refusals(told, show)
            if OFFERS in options.purposes:
                show.act(10, "Offers, by the released model, at one site")
                told.offers = make_offers(stage, _present(_present(told.run).model), show)
            check_log(told, show, number=11 if told.offers else 10)
            for agent in stage.agents.values():
                agent.close()
        told.seconds = monotonic() - began
        report = write_report(told, folder)
    show.end(report, options.out)
    return report


def ask_members(told: Told, show: Show) -> None:
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


def _study(told: Told, show: Show) -> None:
    stage = told.stage
    show.act(3, "A study is filed, assessed and approved")
    register(stage)
    plan = plan_of(stage, STUDY, sites=[site.site for site in stage.federation.sites], minimum_cohort=MINIMUM_COHORT)
    study, assessment = file_and_assess(stage, plan)
    show.line(f"Study {study.id}: plan {study.plan_digest[:12]}, risk index {float(assessment.index):.2f}.")
    refused = refuse_self_approval(stage, study)
    told.refusals.append(Attempt("the author approves her own study", "self-approval", refused))
    show.refused("self-approval", refused)
    where = approve(stage, study)
    if not where.approved:
        raise AssertionError(f"approved by all, and still missing {where.missing}")
    show.line(
        f"{len(stage.reviewers)} reviewers and {len(plan.sites)} sites signed the plan's digest with their own keys."
    )


def _run(told: Told, show: Show) -> None:
    stage = told.stage
    show.act(4, "Admission and charge")
    gate = DemoGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)
    plan = plan_of(stage, STUDY, sites=[site.site for site in stage.federation.sites], minimum_cohort=MINIMUM_COHORT)
    last = int(plan.settings["rounds"])

    def admitted(admission: Admission) -> None:
        told.admission = admission
        show.admitted(admission, stage.budget)
        show.act(5, f"Federated training: {last} rounds, then one evaluation and one audit")

    def watch(report: RoundReport) -> None:
        told.rounds.append(report)
        if report.round == last // 2:
            told.withdrawn = _withdraw_some(told, _present(told.admission))
        tick(1)

    gate.on_admitted = admitted
    with show.bar("rounds", last + 2) as tick:
        told.run = run_embedded(gate, STUDY, {name: one.answer for name, one in stage.agents.items()}, watch=watch)
    if told.run.outcome != "completed":
        raise RefusedError(Refusal(told.run.outcome), f"the run ended with {told.run.outcome}")
    show.act(6, f"{told.withdrawn} members withdrew in the middle")
    show.withdrawn(told.rounds, last // 2)
    show.act(7, "Settled")
    told.balance = stage.store.read(ledger.balance, PROGRAMME)
    admission = _present(told.admission)
    told.claim = claim([admission.permit.charge], budget=stage.budget, noise=NoiseMode.LOCAL, sites=len(plan.sites))
    used = stage.store.read(runs.members, told.run.run)
    cohorts = {site: tuple(one.pseudonym for one in used if one.site == site) for site in plan.sites}
    told.comparison = compare(plan, told.run.run, cohorts=cohorts, sites=stage.sites, model=told.run.model)
    show.settled(told.run, told.comparison)
    show.promised(epsilon_by_part(plan, stage.budget.delta), told.claim)


def _withdraw_some(told: Told, admission: Admission) -> int:
    """Members of the train part take back what they allowed, through the workflow that every page uses."""
    stage = told.stage
    rng = np.random.default_rng(stage.options.seed)
    inside = [
        one
        for one in stage.store.read(runs.members, admission.run)
        if part_of(admission.plan, admission.run, one.pseudonym) == "train"
    ]
    chosen = rng.choice(len(inside), size=min(WITHDRAWN_MIDRUN, len(inside)), replace=False)
    said = [word for index in chosen for word in withdrawal(inside[index].member, stage.notices, inside[index].site)]
    stage.store.run(make_statements, said, at=stage.world.clock())
    return len(chosen)


def _check(told: Told, show: Show) -> None:
    stage, run = told.stage, _present(told.run)
    show.act(8, "Fairness check before release")
    at = stage.world.clock()
    told.release = stage.store.run(release_model, run.run, thresholds=Thresholds(), at=at)
    show.audited(told.release)
    if told.release.state == "withheld":
        told.override = let_through(stage, told.release.model_digest)
        show.overridden(told.override)


def _refusals(told: Told, show: Show) -> None:
    stage = told.stage
    show.act(9, "What is refused")
    gate = StoreGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)
    tried = [
        attempts.greedy_run(gate),
        attempts.tampered_cohort(stage, _present(told.admission)),
        attempts.too_few(stage, gate),
    ]
    for attempt in tried:
        show.refused(attempt.reason, f"{attempt.step}: {attempt.said}")
    told.refusals += tried


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


def _present(value: T | None) -> T:
    if value is None:
        raise AssertionError("told out of order")
    return value
