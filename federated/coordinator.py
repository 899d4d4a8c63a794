"""The coordinator's side of a run: admit, open all sites, rounds, settle. Knows the gate and a way to ask sites.

    admit_run -> order to every site -> nonces
    each round: admit_round(nonces) -> statements -> round to every site -> update -> settle_round with a checkpoint
    settle_run with the model and the results, or with the code that ended it

No silent success: every site of the plan must answer every round (with shared noise: as many as its quorum needs),
and whatever ends a run is settled under its code. A coordinator that died is given the same run again by the gate, with
the checkpoints of the rounds that were settled, and goes on after the last of them.
The coordinator is trusted with nothing: it sees noised sums and relays what others signed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from federated.canaries import Observed
from federated.checkpoint import Checkpoint, checkpoint_bytes, in_order
from federated.cohort import parse_header
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import Output, order_bytes, parse_opened
from federated.gate import Admission, Gate, RoundReport, RunReport, SiteRound
from federated.link_round import LinkRound
from federated.local_round import AWAY, LocalRound, Patience, refusal_of
from federated.models.audit_plan import finished_weights
from federated.models.model import Exchange, Model
from federated.models.package import Package, package_bytes
from federated.models.registry import exchanges, model_of
from federated.plan import Kind, Plan
from federated.results import Total, run_results
from federated.shared_noise import check_noise
from federated.signed import Signed
from federated.sum_round import Attempt, LeftError

Ask = Callable[[Kind | None, int, Mapping[str, bytes]], Mapping[str, bytes]]
"""Send one message to each of these sites and bring their answers; a site that did not answer is absent.

Arguments: the kind of the round (None for the opening query), its number (0 for the opening), site -> message.
"""

Watch = Callable[[RoundReport], None]
NOBODY = Patience()


@dataclass
class _Run:
    """A run in progress.

    Attributes:
        settled: the rounds that were settled before this coordinator began.
        rounds: how many were settled whole, those included.
    """

    admission: Admission
    gate: Gate
    ask: Ask
    watch: Watch
    patience: Patience
    canaries: Observed
    package: bytes = b""
    settled: tuple[Checkpoint, ...] = ()
    nonces: dict[str, str] = field(default_factory=dict)
    rounds: int = 0
    released: dict[str, Sequence[Output]] = field(default_factory=dict)
    refusals: dict[str, Refusal] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The run's."""
        return self.admission.run

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self.admission.plan


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
        package: the finished model, if the plan audits one; it must be the one that the plan names.
        patience: for sites that are away.

    Returns:
        The report that was settled; `outcome` is "completed" or the code that ended the run, and then
        `results["refusals"]` says which sites gave which code.

    Raises:
        RefusedError: the consent centre did not admit the run, so there is nothing to settle.
    """
    admission = gate.admit_run(study)
    run = _Run(admission, gate, ask, watch, patience, Observed(admission.plan), package)
    try:
        report = _completed(run)
    except RefusedError as error:
        report = _ended(run, error.code)
    except MalformedError:
        report = _ended(run, Refusal.MALFORMED)
    gate.settle_run(report)
    return report


def _completed(run: _Run) -> RunReport:
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
            run.released |= _totals(run, exchange, lambda: weights)
        return RunReport(run.name, "completed", run.rounds, results=run_results(plan, run.released))
    return _trained(run, model, steps, members=members)


def _trained(run: _Run, model: Model, steps: Sequence[Exchange], *, members: int) -> RunReport:
    plan = run.plan
    state = model.start(plan, members=members)
    _open(run, steps)
    for exchange in steps:
        if exchange.release.kind == "exchange":
            _exchanged(run, exchange)
            continue
        training = exchange.release.kind == "train"

        def weights(now: Any = state, *, training: bool = training) -> Any:
            sent = model.weights(now) if training else model.finish(now)
            model.check_weights(plan, sent)
            return sent

        totals = _totals(run, exchange, weights)
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


def _ended(run: _Run, code: Refusal) -> RunReport:
    refusals = {site: refusal.value for site, refusal in run.refusals.items()}
    return RunReport(
        run=run.name, outcome=code.value, rounds=run.rounds, results={"refusals": refusals} if refusals else {}
    )


def _open(run: _Run, steps: Sequence[Exchange]) -> None:
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
    _refuse(run, "the order")


def _totals(run: _Run, exchange: Exchange, weights: Callable[[], Any]) -> dict[str, Total]:
    """Release -> its noised total: of the checkpoint if the round is settled, else of the sites."""
    if exchange.number <= len(run.settled):
        done = run.settled[exchange.number - 1]
        if {*done.totals} != {release.name for release in exchange.releases}:
            raise MalformedError("a checkpoint holds other releases than its round")
        run.canaries.scores, run.canaries.seen = dict(done.canaries), dict(done.seen)
        return {name: Total(total, copies=done.copies) for name, total in done.totals.items()}
    return (_local if run.plan.noise_mode == "local" else _summed)(run, exchange, weights())


def _local(run: _Run, exchange: Exchange, weights: Any) -> dict[str, Total]:
    """One round at every site, each with its own noise."""
    started = perf_counter()
    kind, number = exchange.release.kind, exchange.number
    asked = LocalRound(
        run.name,
        exchange,
        weights,
        {site: run.nonces[site] for site in run.plan.sites},
        lambda nonces: run.gate.admit_round(run.name, number, nonces),
        lambda messages: run.ask(kind, number, messages),
    )
    asked.ask(attempts=run.plan.max_attempts, patience=run.patience)
    run.refusals = asked.refusals
    totals: dict[str, Total] = {}
    try:
        _refuse(run, f"round {number}")
        outputs: Mapping[str, Sequence[Output]] = {
            one.name: [asked.replies[site].outputs[one.name] for site in run.plan.sites] for one in exchange.releases
        }
        if kind == "train":
            outputs = run.canaries.cut(exchange.releases, outputs)
        totals = {name: _added(name, vectors) for name, vectors in outputs.items()}
    finally:
        said = {site: reply.statement for site, reply in asked.replies.items()}
        _settle(run, exchange, asked.sites, totals, said, started=started)
    run.nonces = {site: reply.nonce for site, reply in asked.replies.items()}
    return totals


def _exchanged(run: _Run, exchange: Exchange) -> None:
    """The randomised exchange with the plan's helpers, begun anew while sites that left may come back."""
    if exchange.number <= len(run.settled):
        return
    started, until = perf_counter(), run.patience.deadline()
    kind, number = exchange.release.kind, exchange.number
    while True:
        _return(run)
        round_ = LinkRound(run.plan, run.name, lambda messages: run.ask(kind, number, messages))
        round_.exchange(run.gate.admit_round(run.name, number, run.nonces))
        run.nonces = round_.nonces
        if not round_.refusals or not (
            {*round_.refusals.values()} <= AWAY | {Refusal.ROUND_OUT_OF_ORDER} and run.patience.again(until)
        ):
            break
    run.refusals = round_.refusals
    _settle(run, exchange, round_.sites, {}, round_.statements, started=started, done=not round_.refusals)
    _refuse(run, "the exchange")


def _summed(run: _Run, exchange: Exchange, weights: Any) -> dict[str, Total]:
    """One round under masks, tried again as often as the plan priced, with the sites that are there.

    While the patience lasts it is tried more often: a site that had already given its vector then refuses by itself.
    """
    started, until = perf_counter(), run.patience.deadline()
    plan, made = run.plan, 0
    left: Mapping[str, Refusal] = {}
    while True:
        made += 1
        _return(run)
        statements = run.gate.admit_round(run.name, exchange.number, run.nonces)

        def send(messages: Mapping[str, bytes]) -> Mapping[str, bytes]:
            return run.ask(exchange.release.kind, exchange.number, messages)

        try:
            attempt = min(made, plan.max_attempts)
            summed = Attempt(plan, exchange, run.name, exchange.number, attempt, send).sum(weights, statements)
        except (RefusedError, MalformedError) as error:
            left = (error.left if isinstance(error, LeftError) else {}) or _everybody(plan, error)
            run.nonces = {}
            if made < plan.max_attempts or ({*left.values()} <= AWAY and run.patience.again(until)):
                continue
            break
        totals = {name: Total(total, copies=summed.copies) for name, total in summed.totals.items()}
        _settle(run, exchange, {**_absent(run), **summed.sites}, totals, summed.statements, started=started)
        run.nonces = summed.nonces
        return totals
    _settle(run, exchange, {site: SiteRound(refusal=left.get(site)) for site in left}, {}, {}, started=started)
    run.refusals = dict(left)
    raise RefusedError(next(iter(left.values())), f"no attempt at round {exchange.number} opened a sum")


def _return(run: _Run) -> None:
    """Let sites that left come back: each says where it stands in the run, and its present nonce."""
    orders = {site: order_bytes(order) for site, order in run.admission.orders.items() if site not in run.nonces}
    if not orders:
        return
    for site, answer in run.ask(None, 0, orders).items():
        if refusal_of(answer, kind="opened") is None:
            run.nonces[site] = parse_opened(answer).nonce


def _absent(run: _Run) -> dict[str, SiteRound]:
    return {site: SiteRound(refusal=Refusal.NO_QUORUM) for site in run.plan.sites}


def _everybody(plan: Plan, error: RefusedError | MalformedError) -> dict[str, Refusal]:
    code = error.code if isinstance(error, RefusedError) else Refusal.MALFORMED
    return dict.fromkeys(plan.sites, code)


def _settle(
    run: _Run,
    exchange: Exchange,
    sites: Mapping[str, SiteRound],
    totals: Mapping[str, Total],
    statements: Mapping[str, Signed],
    *,
    started: float,
    done: bool = False,
) -> None:
    """Settle a round with its checkpoint; without totals it came to nothing, unless it is `done` without any."""
    done = done or bool(totals)
    run.rounds += done
    checkpoint = Checkpoint(
        exchange.number,
        {name: total[0] for name, total in totals.items()},
        copies=next((total.copies for total in totals.values()), 1.0),
        canaries=run.canaries.scores,
        seen=run.canaries.seen,
    )
    report = RoundReport(
        run=run.name,
        round=exchange.number,
        kind=exchange.release.kind,
        sites=sites,
        seconds=perf_counter() - started,
        checkpoint=checkpoint_bytes(checkpoint) if done else b"",
        statements=statements,
    )
    run.gate.settle_round(report)
    run.watch(report)


def _refuse(run: _Run, what: str) -> None:
    if run.refusals:
        raise RefusedError(next(iter(run.refusals.values())), f"{len(run.refusals)} sites refused {what}")


def _members(admission: Admission) -> int:
    """The public denominator: members in the counted part of the signed cohorts."""
    headers = [
        parse_header(order.cohort.payload) for site, order in admission.orders.items() if site in admission.plan.sites
    ]
    members = sum(header.sizes.get(admission.plan.counted_part, 0) for header in headers)
    if members < admission.plan.minimum_cohort:
        raise RefusedError(Refusal.COHORT_TOO_SMALL, "too few members for this plan; wait for more consents")
    return members


def _added(release: str, vectors: Sequence[Output]) -> Total:
    """The sum over the sites; each added the full noise."""
    if len({(vector.shape, vector.dtype.kind) for vector in vectors}) != 1:
        raise RefusedError(Refusal.MALFORMED, f"the sites do not agree on the length of {release}")
    return Total(np.sum(vectors, axis=0), copies=len(vectors))
