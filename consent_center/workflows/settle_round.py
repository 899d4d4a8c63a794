"""This round is over: who took part, who was left out."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from consent_center.events import Event
from consent_center.storage import runs, studies, used_members
from consent_center.storage.transaction import Transaction
from federated.errors import Refusal, RefusedError
from federated.gate import RoundReport, read_removals
from federated.models.registry import exchanges
from federated.plan import Plan


def settle_round(tx: Transaction, report: RoundReport, *, hub_key: Ed25519PublicKey, at: datetime) -> None:
    """Keep what really happened in one round; a round without its entry did not happen.

    Whom a site says it used is not taken on trust: it must be exactly who was in its signed cohort for this round,
    less those whom the consent centre's own statements removed, which come back with the report. One difference is left
    open: a site that died in an attempt keeps the removals of that attempt, so a member who withdrew and came back
    within that very moment makes this refuse.

    Args:
        tx: the transaction.
        report: what the coordinator says.
        hub_key: the public key of the consent centre, which signed the statements.
        at: now.

    Raises:
        RefusedError: `round-out-of-order` when the round was settled before, the run has ended or the plan has no such
            round; `cohort-tampered` when a site used others; `statement-missing`, `-forged` or `-replayed`.
        UnknownRunError: it was never admitted.
    """
    known = runs.get(tx, report.run)
    plan = studies.get(tx, known.study).parsed()
    if runs.has_round(tx, report.run, report.round) or runs.outcome(tx, report.run) is not None:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, f"round {report.round} is settled already, or the run has ended")
    steps = exchanges(plan)
    if not 1 <= report.round <= len(steps) or steps[report.round - 1].release.kind != report.kind:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, f"the plan has no round {report.round}; run what was approved")
    removed = _newly_removed(tx, plan, report, hub_key=hub_key)
    entry = tx.append(
        Event(
            "round.settled",
            public={
                "run": report.run,
                "study": known.study,
                "round": report.round,
                "release": report.kind,
                "refused": {site: done.refusal.value for site, done in report.sites.items() if done.refusal},
                "used": {site: done.used_digest for site, done in report.sites.items() if not done.refusal},
            },
            private={"removed": {site: done.removed for site, done in report.sites.items()}},
        ),
        at=at,
    )
    runs.add_round(tx, report, removed=removed, entry=entry)


def _newly_removed(
    tx: Transaction, plan: Plan, report: RoundReport, *, hub_key: Ed25519PublicKey
) -> dict[str, set[bytes]]:
    """Site -> whom this round's statement removed that no earlier one did; every site's digest is checked."""
    before = runs.removed_so_far(tx, report.run)
    new: dict[str, set[bytes]] = {}
    for site, done in report.sites.items():
        if site not in (plan.reached if report.kind == "exchange" else plan.sites):
            raise RefusedError(Refusal.COHORT_TAMPERED, f"{site} is no site of this run; settle what really happened")
        if done.refusal is not None:
            continue
        named = read_removals(
            report.statements.get(site), hub_key=hub_key, run=report.run, site=site, number=report.round
        )
        gone = before.get(site, set()) | named
        expected = used_members.digest_of(tx, report.run, plan, site=site, number=report.round, removed=gone)
        if (done.used_digest, done.used) != expected:
            raise RefusedError(
                Refusal.COHORT_TAMPERED, f"{site} used other members than it may; stop its runs and look at its log"
            )
        new[site] = named - before.get(site, set())
    return new
