"""`accord demo`: consents, a signed cohort, a private training, a charge, a fairness check, a log that verifies.

Each act uses the product's own workflows, gate, sites and verifier; this file only tells them in order.
"""

from typing import Any, TypeVar

import numpy as np

from consent_center.demo import attempts
from consent_center.demo.asking import STUDY, file_and_assess, plan_of, refuse_self_approval, register
from consent_center.demo.attempts import Attempt
from consent_center.demo.comparison import compare
from consent_center.demo.offers import make_offers
from consent_center.demo.people import withdrawal
from consent_center.demo.programme import OFFERS
from consent_center.demo.report import epsilon_by_part, write_report
from consent_center.demo.show import Show
from consent_center.demo.telling import MINIMUM_COHORT, approved, check_log, check_release, loaded, tell, train
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.gate import StoreGate
from consent_center.storage import ledger, runs
from consent_center.workflows.make_statements import make_statements
from federated.gate import Admission, RoundReport
from federated.plan import part_of
from privacy.ledger import PROGRAMME

T = TypeVar("T")
WITHDRAWN_MIDRUN = 25


def run_demo(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the whole story once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    return tell(options, show, world, data=loaded, acts=_acts, write=write_report)


def _acts(told: Told, show: Show) -> None:
    _study(told, show)
    _run(told, show)
    check_release(told, show, number=8)
    _refusals(told, show)
    if OFFERS in told.stage.options.purposes:
        show.act(10, "Offers, by the released model, at one site")
        told.offers = make_offers(told.stage, _present(_present(told.run).model), show)
    check_log(told, show, number=11 if told.offers else 10)


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
    approved(stage, study)
    show.line(
        f"{len(stage.reviewers)} reviewers and {len(plan.sites)} sites signed the plan's digest with their own keys."
    )


def _run(told: Told, show: Show) -> None:
    stage = told.stage
    plan = plan_of(stage, STUDY, sites=[site.site for site in stage.federation.sites], minimum_cohort=MINIMUM_COHORT)
    last = int(plan.settings["rounds"])

    def watch(report: RoundReport) -> None:
        if report.round == last // 2:
            told.withdrawn = _withdraw_some(told, _present(told.admission))

    then = f"Federated training: {last} rounds, then one evaluation and one audit"
    train(told, plan, show, rounds=last + 2, then=then, watch=watch)
    run = _present(told.run)
    show.act(6, f"{told.withdrawn} members withdrew in the middle")
    show.withdrawn(told.rounds, last // 2)
    show.act(7, "Settled")
    told.balance = stage.store.read(ledger.balance, PROGRAMME)
    used = stage.store.read(runs.members, run.run)
    cohorts = {site: tuple(one.pseudonym for one in used if one.site == site) for site in plan.sites}
    told.comparison = compare(plan, run.run, cohorts=cohorts, sites=stage.sites, model=run.model)
    show.settled(run, told.comparison)
    show.promised(epsilon_by_part(plan, stage.budget.delta), _present(told.claim))


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


def _present(value: T | None) -> T:
    if value is None:
        raise AssertionError("told out of order")
    return value
