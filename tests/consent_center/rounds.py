"""Rounds as honest sites would report them, for tests that need a settled round and no sites."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage import runs, studies, used_members
from consent_center.storage.transaction import Store, Transaction
from consent_center.workflows.admit_round import admit_round
from consent_center.workflows.settle_round import settle_round
from federated.gate import RoundReport, SiteRound, read_removals
from federated.models.registry import exchanges


def honest_round(
    store: Store, run: str, number: int, *, signer: Ed25519PrivateKey, at: datetime, checkpoint: bytes = b""
) -> RoundReport:
    """What every site of the run did in this round, under statements that were signed just now."""

    def made(tx: Transaction) -> RoundReport:
        plan = studies.get(tx, runs.get(tx, run).study).parsed()
        statements = admit_round(tx, run, number, dict.fromkeys(plan.sites, "aa"), signer=signer, at=at)
        sites = {}
        for site, said in statements.items():
            removed = read_removals(said, hub_key=signer.public_key(), run=run, site=site, number=number)
            removed |= runs.removed_so_far(tx, run).get(site, set())
            used, count = used_members.digest_of(tx, run, plan, site=site, number=number, removed=removed)
            sites[site] = SiteRound(used, count, len(removed))
        kind = exchanges(plan)[number - 1].release.kind
        return RoundReport(run, number, kind, sites, checkpoint=checkpoint, statements=statements)

    return store.read(made)


def settle_honestly(store: Store, run: str, number: int, *, signer: Ed25519PrivateKey, at: datetime) -> RoundReport:
    """Settle such a round."""
    report = honest_round(store, run, number, signer=signer, at=at)
    store.run(settle_round, report, hub_key=signer.public_key(), at=at)
    return report
