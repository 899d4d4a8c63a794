"""The coordinator's side of a run: admit, open all sites, rounds, settle. Knows the gate and a way to ask sites.

    admit_run -> order to every site -> nonces
    each round: admit_round(nonces) -> statements -> round to every site -> update -> settle_round
    settle_run with the model and the results, or with the code that ended it

No silent success: every site of the plan must answer every round (with shared noise: as many as its quorum needs),
and whatever ends a run is settled under its code.
The coordinator is trusted with nothing: it sees noised sums and relays what others signed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from federated.canaries import Observed
from federated.cohort import parse_header
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import (
    Output,
    RoundReply,
    RoundRequest,
    kind_of,
    order_bytes,
    parse_opened,
    parse_refused,
    parse_reply,
    request_bytes,
)
from federated.gate import Admission, Gate, RoundReport, RunReport, SiteRound
from federated.models.audit_plan import finished_weights
from federated.models.model import Exchange, Model
from federated.models.package import Package, package_bytes
from federated.models.registry import exchanges, model_of
from federated.plan import Kind, Plan
from federated.results import Total, run_results
from federated.shared_noise import check_noise
from federated.sum_round import Attempt, LeftError

Ask = Callable[[Kind | None, int, Mapping[str, bytes]], Mapping[str, bytes]]
"""Send one message to each of these sites and bring their answers; a site that did not answer is absent.

Arguments: the kind of the round (None for the opening query), its number (0 for the opening), site -> message.
"""

Watch = Callable[[RoundReport], None]


@dataclass
class _Run:
    """A run in progress."""

    admission: Admission
    gate: Gate
    ask: Ask
    watch: Watch
    package: bytes = b""
    nonces: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    released: dict[str, Sequence[Output]] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)


def run_study(gate: Gate, study: str, *, ask: Ask, watch: Watch = lambda _: None, package: bytes = b"") -> RunReport:
    """Run an approved study once.

    Args:
        gate: the consent centre.
        study: what to run.
        ask: how to reach the sites.
        watch: told of each round after it was settled.
        package: the finished model, if the plan audits one; it must be the one that the plan names.

    Returns:
        The report that was settled; `outcome` is "completed" or the code that ended the run, and then
        `results["refusals"]` says which sites gave which code.

    Raises:
        RefusedError: the consent centre did not admit the run, so there is nothing to settle.
    """
    admission = gate.admit_run(study)
    run = _Run(admission, gate, ask, watch, package)
    try:
        report = _completed(run)
    except RefusedError as error:
        report = _ended(run, error.code)
    except MalformedError:
        report = _ended(run, Refusal.MALFORMED)
    gate.settle_run(report)
    return report


def _completed(run: _Run) -> RunReport:
    plan = run.admission.plan
    model, steps = model_of(plan), exchanges(plan)
    check_noise(plan)
    members = _members(run.admission)
    if plan.package:
        return _audited(run, model, steps)
    state = model.start(plan, members=members)
    _open(run)
    canaries = Observed(plan)
    for exchange in steps:
        training = exchange.release.kind == "train"
        weights = model.weights(state) if training else model.finish(state)
        model.check_weights(plan, weights)
        outputs = (_round if plan.noise_mode == "local" else _sum)(run, exchange, weights)
        if training:
            state = model.update(state, _totals(exchange, canaries.cut(exchange.releases, outputs)))
        else:
            run.released |= outputs
    filed = next(iter(run.admission.orders.values())).plan
    package = Package(run=run.admission.run, plan=filed, weights=model.finish(state))
    return RunReport(
        run=run.admission.run,
        outcome="completed",
        rounds=run.rounds,
        model=package_bytes(package),
        results={**run_results(plan, run.released), **canaries.results()},
    )


def _audited(run: _Run, model: Model, steps: Sequence[Exchange]) -> RunReport:
    """Count the decisions of a finished model; no model comes out."""
    plan = run.admission.plan
    weights = finished_weights(plan, model, run.package)
    _open(run)
    for exchange in steps:
        run.released |= (_round if plan.noise_mode == "local" else _sum)(run, exchange, weights)
    results = run_results(plan, run.released)
    return RunReport(run=run.admission.run, outcome="completed", rounds=run.rounds, results=results)


def _ended(run: _Run, code: Refusal) -> RunReport:
    refusals = {site: refusal.value for site, refusal in run.refusals.items()}
    return RunReport(
        run=run.admission.run, outcome=code.value, rounds=run.rounds, results={"refusals": refusals} if refusals else {}
    )


def _open(run: _Run) -> None:
    orders = {site: order_bytes(order) for site, order in run.admission.orders.items()}
    if set(orders) != set(run.admission.plan.sites):
        raise RefusedError(Refusal.NO_QUORUM, "the admission does not hold an order for each site of the plan")
    answers = run.ask(None, 0, orders)
    run.refusals = {site: code for site in orders if (code := _refusal(answers.get(site), kind="opened")) is not None}
    _refuse(run, "the order")
    for site, answer in answers.items():
        opened = parse_opened(answer)
        if opened.run != run.admission.run or opened.number != 1:
            raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, f"{site} stands elsewhere in this run; admit a new run")
        run.nonces[site] = opened.nonce


def _round(run: _Run, exchange: Exchange, weights: Any) -> dict[str, Sequence[Output]]:
    """One round at every site, tried again as often as the plan priced, at the sites that did not answer."""
    started = perf_counter()
    plan = run.admission.plan
    replies: dict[str, RoundReply] = {}
    refusals: dict[str, Refusal] = {}
    for _ in range(plan.max_attempts):
        waiting = {site: run.nonces[site] for site in plan.sites if site not in replies}
        statements = run.gate.admit_round(run.admission.run, exchange.number, waiting)
        requests = {
            site: request_bytes(RoundRequest(run.admission.run, exchange.number, statements.get(site), weights))
            for site in waiting
        }
        answers = run.ask(exchange.release.kind, exchange.number, requests)
        refusals = {}
        for site in waiting:
            refused = _refusal(answers.get(site), kind="reply")
            if refused is None:
                replies[site] = _checked(parse_reply(answers[site]), run, exchange)
            else:
                refusals[site] = refused
        if not refusals or not set(refusals.values()) <= {Refusal.NO_QUORUM, Refusal.INTERNAL}:
            break
    sites = {site: _site_round(replies.get(site), refusals.get(site)) for site in plan.sites}
    _settle(run, exchange, sites, whole=not refusals, started=started)
    run.refusals = refusals
    _refuse(run, f"round {exchange.number}")
    run.nonces = {site: reply.nonce for site, reply in replies.items()}
    return {one.name: [replies[site].outputs[one.name] for site in plan.sites] for one in exchange.releases}


def _sum(run: _Run, exchange: Exchange, weights: Any) -> dict[str, Sequence[Output]]:
    """One round under masks, tried again as often as the plan priced, with the sites that are there."""
    started = perf_counter()
    plan, name = run.admission.plan, run.admission.run
    _return(run)
    left: Mapping[str, Refusal] = {}
    for attempt in range(1, plan.max_attempts + 1):
        statements = run.gate.admit_round(name, exchange.number, run.nonces)

        def send(messages: Mapping[str, bytes]) -> Mapping[str, bytes]:
            return run.ask(exchange.release.kind, exchange.number, messages)

        try:
            summed = Attempt(plan, exchange, name, exchange.number, attempt, send).sum(weights, statements)
        except (RefusedError, MalformedError) as error:
            left = error.left if isinstance(error, LeftError) else _everybody(plan, error)
            _return(run, everybody=True)
            continue
        _settle(run, exchange, {**_absent(run), **summed.sites}, whole=True, started=started)
        run.nonces = summed.nonces
        return {release: Total(total, copies=summed.copies) for release, total in summed.totals.items()}
    _settle(run, exchange, {site: SiteRound(refusal=left.get(site)) for site in left}, whole=False, started=started)
    run.refusals = dict(left)
    raise RefusedError(next(iter(left.values())), f"no attempt at round {exchange.number} opened a sum")


def _return(run: _Run, *, everybody: bool = False) -> None:
    """Let sites that left come back: each says where it stands in the run, and its present nonce."""
    orders = {
        site: order_bytes(order) for site, order in run.admission.orders.items() if everybody or site not in run.nonces
    }
    if not orders:
        return
    for site, answer in run.ask(None, 0, orders).items():
        if _refusal(answer, kind="opened") is None:
            run.nonces[site] = parse_opened(answer).nonce


def _absent(run: _Run) -> dict[str, SiteRound]:
    return {site: SiteRound(refusal=Refusal.NO_QUORUM) for site in run.admission.plan.sites}


def _everybody(plan: Plan, error: RefusedError | MalformedError) -> dict[str, Refusal]:
    code = error.code if isinstance(error, RefusedError) else Refusal.MALFORMED
    return dict.fromkeys(plan.sites, code)


def _settle(run: _Run, exchange: Exchange, sites: Mapping[str, SiteRound], *, whole: bool, started: float) -> None:
    run.rounds += whole
    report = RoundReport(
        run=run.admission.run,
        round=exchange.number,
        kind=exchange.release.kind,
        sites=sites,
        seconds=perf_counter() - started,
    )
    run.gate.settle_round(report)
    run.watch(report)


def _refuse(run: _Run, what: str) -> None:
    if run.refusals:
        raise RefusedError(next(iter(run.refusals.values())), f"{len(run.refusals)} sites refused {what}")


def _refusal(answer: bytes | None, *, kind: str) -> Refusal | None:
    """Why an answer is not the one that was asked for; None if it is. A site that is silent makes no quorum."""
    if answer is None:
        return Refusal.NO_QUORUM
    try:
        found = kind_of(answer)
        if found == kind:
            return None
        return parse_refused(answer).code
    except MalformedError:
        return Refusal.MALFORMED


def _checked(reply: RoundReply, run: _Run, exchange: Exchange) -> RoundReply:
    expected = {release.name for release in exchange.releases}
    if (reply.run, reply.number) != (run.admission.run, exchange.number) or {*reply.outputs} != expected:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "a site answered another round, or with other releases")
    return reply


def _site_round(reply: RoundReply | None, refusal: Refusal | None) -> SiteRound:
    if reply is None:
        return SiteRound(refusal=refusal)
    return SiteRound(used_digest=reply.used_digest, used=reply.used, removed=reply.removed)


def _members(admission: Admission) -> int:
    """The public denominator: members in the counted part of the signed cohorts."""
    headers = [parse_header(order.cohort.payload) for order in admission.orders.values()]
    members = sum(header.sizes.get(admission.plan.counted_part, 0) for header in headers)
    if members < admission.plan.minimum_cohort:
        raise RefusedError(Refusal.COHORT_TOO_SMALL, "too few members for this plan; wait for more consents")
    return members


def _totals(exchange: Exchange, outputs: Mapping[str, Sequence[Output]]) -> dict[str, Any]:
    totals = {}
    for release in exchange.releases:
        vectors = outputs[release.name]
        if len({vector.shape for vector in vectors}) != 1:
            raise RefusedError(Refusal.MALFORMED, f"the sites do not agree on the length of {release.name}")
        totals[release.name] = np.sum(vectors, axis=0)
    return totals
