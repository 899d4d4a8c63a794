"""The coordinator's side of a run: admit, open all sites, rounds, settle. Knows the gate and a way to ask sites.

    admit_run -> order to every site -> nonces
    each round: admit_round(nonces) -> statements -> round to every site -> update -> settle_round with a checkpoint
    settle_run with the model and the results, or with the code that ended it

No silent success: every site of the plan must answer every round (with shared noise: as many as its quorum needs),
and whatever ends a run is settled under its code. A coordinator that died is given the same run again by the gate, with
the checkpoints of the rounds that were settled, and goes on after the last of them.
The coordinator is trusted with nothing: it sees noised sums and relays what others signed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from federated.canaries import Observed
from federated.checkpoint import in_order
from federated.cohort import parse_header
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import order_bytes, parse_opened
from federated.gate import Admission, Gate, RunReport
from federated.local_round import AWAY, Patience, refusal_of
from federated.models.audit_plan import finished_weights
from federated.models.model import Exchange, Model
from federated.models.package import Package, package_bytes
from federated.models.registry import exchanges, model_of
from federated.results import run_results
from federated.rounds import Ask, Run, Watch, end_if_refused, exchange_with_helpers, totals_of
from federated.shared_noise import check_noise

NOBODY = Patience()


def run_study(
    gate: Gate,
    study: str,
    *,
    ask: Ask,
    watch: Watch = lambda _: None,
    package: bytes = b"",
    patience: Patience = NOBODY,
) -> RunReport:
    """Run an approved study once, or go on with the run of it that this coordinator's gate has begun.

    Args:
        gate: the consent centre.
        study: what to run.
        ask: how to reach the sites.
        watch: told of each round after it was settled.
        package: the finished model, if the plan audits one and the gate does not hand it over; it must be the one that
            the plan names.
        patience: for sites that are away.

    Returns:
        The report that was settled; `outcome` is "completed" or the code that ended the run, and then
        `results["refusals"]` says which sites gave which code.

    Raises:
        RefusedError: the consent centre did not admit the run, so there is nothing to settle.
    """
    admission = gate.admit_run(study)
    run = Run(admission, gate, ask, watch, patience, Observed(admission.plan), package or admission.package)
    try:
        report = _completed(run)
    except RefusedError as error:
        report = _ended(run, error.code)
    except MalformedError:
        report = _ended(run, Refusal.MALFORMED)
    gate.settle_run(report)
    return report


def _completed(run: Run) -> RunReport:
    plan = run.plan
    model, steps = model_of(plan), exchanges(plan)
    check_noise(plan)
    members = _members(run.admission)
    run.settled = in_order(run.admission.checkpoints, rounds=len(steps))
    run.rounds = len(run.settled)
    if plan.package:
        weights = finished_weights(plan, model, run.package)
        _open(run, steps)
        for exchange in steps:
            run.released |= totals_of(run, exchange, lambda: weights)
        return RunReport(run.name, "completed", run.rounds, results=run_results(plan, run.released))
    return _trained(run, model, steps, members=members)


def _trained(run: Run, model: Model, steps: Sequence[Exchange], *, members: int) -> RunReport:
    plan = run.plan
    state = model.start(plan, members=members)
    _open(run, steps)
    for exchange in steps:
        if exchange.release.kind == "exchange":
            exchange_with_helpers(run, exchange)
            continue
        training = exchange.release.kind == "train"

        def weights(now: Any = state, *, training: bool = training) -> Any:
            sent = model.weights(now) if training else model.finish(now)
            model.check_weights(plan, sent)
            return sent

        totals = totals_of(run, exchange, weights)
        if training:
            state = model.update(state, {name: np.asarray(total[0], np.float64) for name, total in totals.items()})
        else:
            run.released |= totals
    filed = next(iter(run.admission.orders.values())).plan
    package = Package(run=run.name, plan=filed, weights=model.finish(state))
    return RunReport(
        run=run.name,
        outcome="completed",
        rounds=run.rounds,
        model=package_bytes(package),
        results={**run_results(plan, run.released), **run.canaries.results()},
    )


def _ended(run: Run, code: Refusal) -> RunReport:
    refusals = {site: refusal.value for site, refusal in run.refusals.items()}
    return RunReport(
        run=run.name, outcome=code.value, rounds=run.rounds, results={"refusals": refusals} if refusals else {}
    )


def _open(run: Run, steps: Sequence[Exchange]) -> None:
    """Every site's yes to its order, and its present nonce; nothing if all rounds are settled."""
    next_round = len(run.settled) + 1
    if next_round > len(steps):
        return
    if set(run.admission.orders) != set(run.plan.reached):
        raise RefusedError(Refusal.NO_QUORUM, "the admission does not hold an order for each site of the plan")
    # Helpers are asked in the exchange, the first round of a run that has one, and never after it.
    asked = run.plan.reached if next_round == 1 else run.plan.sites
    orders = {site: order_bytes(run.admission.orders[site]) for site in asked}
    # A site that answered the next round before the coordinator died sends the same bytes again; one that was absent
    # from rounds of a secure sum turns to the present one.
    where = range(next_round if run.plan.noise_mode == "local" else 1, next_round + 2)
    until = run.patience.deadline()
    while orders:
        answers = run.ask(None, 0, orders)
        run.refusals = {
            site: code for site in orders if (code := refusal_of(answers.get(site), kind="opened")) is not None
        }
        for site in {*orders} - {*run.refusals}:
            opened = parse_opened(answers[site])
            if opened.run != run.name or opened.number not in where:
                raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, f"{site} stands elsewhere in this run; admit a new run")
            run.nonces[site] = opened.nonce
            del orders[site]
        if not orders or not {*run.refusals.values()} <= AWAY or not run.patience.again(until):
            break
    end_if_refused(run, "the order")


def _members(admission: Admission) -> int:
    """The public denominator: members in the counted part of the signed cohorts."""
    headers = [
        parse_header(order.cohort.payload) for site, order in admission.orders.items() if site in admission.plan.sites
    ]
    members = sum(header.sizes.get(admission.plan.counted_part, 0) for header in headers)
    if members < admission.plan.minimum_cohort:
        raise RefusedError(Refusal.COHORT_TOO_SMALL, "too few members for this plan; wait for more consents")
    return members
