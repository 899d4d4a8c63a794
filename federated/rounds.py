"""One round of a run, whatever its noise: ask the sites, add up, settle with a checkpoint.

No silent success: every site of the plan must answer (with shared noise: as many as its quorum needs), or the round is
settled as one that came to nothing, under the sites' codes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

from federated.canaries import Observed
from federated.checkpoint import Checkpoint, checkpoint_bytes
from federated.errors import MalformedError, Refusal, RefusedError
from federated.exchange import Output, order_bytes, parse_opened
from federated.gate import Admission, Gate, RoundReport, SiteRound
from federated.link_round import LinkRound
from federated.local_round import AWAY, LocalRound, Patience, refusal_of
from federated.models.model import Exchange
from federated.plan import Kind, Plan
from federated.results import Total
from federated.signed import Signed
from federated.sum_round import Attempt, LeftError

Ask = Callable[[Kind | None, int, Mapping[str, bytes]], Mapping[str, bytes]]
"""Send one message to each of these sites and bring their answers; a site that did not answer is absent.

Arguments: the kind of the round (None for the opening query), its number (0 for the opening), site -> message.
"""

Watch = Callable[[RoundReport], None]


@dataclass
class Run:
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


def totals_of(run: Run, exchange: Exchange, weights: Callable[[], Any]) -> dict[str, Total]:
    """Release -> its noised total: of the checkpoint if the round is settled, else of the sites."""
    if exchange.number <= len(run.settled):
        done = run.settled[exchange.number - 1]
        if {*done.totals} != {release.name for release in exchange.releases}:
            raise MalformedError("a checkpoint holds other releases than its round")
        run.canaries.scores, run.canaries.seen = dict(done.canaries), dict(done.seen)
        return {name: Total(total, copies=done.copies) for name, total in done.totals.items()}
    return (_local if run.plan.noise_mode == "local" else _summed)(run, exchange, weights())


def _local(run: Run, exchange: Exchange, weights: Any) -> dict[str, Total]:
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
        end_if_refused(run, f"round {number}")
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


def exchange_with_helpers(run: Run, exchange: Exchange) -> None:
    """The randomised exchange with the plan's helpers, begun anew while sites that left may come back."""
    if exchange.number <= len(run.settled):
        return
    started, until = perf_counter(), run.patience.deadline()
    kind, number = exchange.release.kind, exchange.number
    while True:
        round_ = LinkRound(run.plan, run.name, lambda messages: run.ask(kind, number, messages))
        round_.refusals = _return(run)
        if not round_.refusals:
            round_.exchange(run.gate.admit_round(run.name, number, run.nonces))
            run.nonces = round_.nonces
        if not round_.refusals or not (
            {*round_.refusals.values()} <= AWAY | {Refusal.ROUND_OUT_OF_ORDER} and run.patience.again(until)
        ):
            break
    run.refusals = round_.refusals
    _settle(run, exchange, round_.sites, {}, round_.statements, started=started, done=not round_.refusals)
    end_if_refused(run, "the exchange")


def _summed(run: Run, exchange: Exchange, weights: Any) -> dict[str, Total]:
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


def _return(run: Run) -> dict[str, Refusal]:
    """Let sites that left come back: each says where it stands in the run, and its present nonce.

    Returns:
        Who is still away, and why.
    """
    orders = {site: order_bytes(order) for site, order in run.admission.orders.items() if site not in run.nonces}
    if not orders:
        return {}
    answers, away = run.ask(None, 0, orders), {}
    for site in orders:
        if (code := refusal_of(answers.get(site), kind="opened")) is None:
            run.nonces[site] = parse_opened(answers[site]).nonce
        else:
            away[site] = code
    return away


def _absent(run: Run) -> dict[str, SiteRound]:
    return {site: SiteRound(refusal=Refusal.NO_QUORUM) for site in run.plan.sites}


def _everybody(plan: Plan, error: RefusedError | MalformedError) -> dict[str, Refusal]:
    code = error.code if isinstance(error, RefusedError) else Refusal.MALFORMED
    return dict.fromkeys(plan.sites, code)


def _settle(
    run: Run,
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


def end_if_refused(run: Run, what: str) -> None:
    """End the run under the first code that a site gave.

    Raises:
        RefusedError: a site refused.
    """
    if run.refusals:
        raise RefusedError(next(iter(run.refusals.values())), f"{len(run.refusals)} sites refused {what}")


def _added(release: str, vectors: Sequence[Output]) -> Total:
    """The sum over the sites; each added the full noise."""
    if len({(vector.shape, vector.dtype.kind) for vector in vectors}) != 1:
        raise RefusedError(Refusal.MALFORMED, f"the sites do not agree on the length of {release}")
    return Total(np.sum(vectors, axis=0), copies=len(vectors))
