"""May this round run now? One signed statement per site: who must not be used any more."""

from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage import cohorts, releases, runs, studies
from consent_center.storage.transaction import Transaction
from consent_center.workflows._link_tokens import refused
from consent_center.workflows._studying import known
from federated.errors import Refusal, RefusedError
from federated.gate import REMOVALS_KIND, Removals, check_permit, removals_bytes
from federated.signed import Signed, sign


def admit_round(
    tx: Transaction,
    run: str,
    number: int,
    nonces: Mapping[str, str],
    *,
    signer: Ed25519PrivateKey,
    at: datetime,
) -> dict[str, Signed]:
    """Say, to each site that sent a nonce, which members of its cohort must not be used from this round on.

    A member counts as removed if any use she allowed at admission is not allowed now, and so does one whose link token
    is not valid any more, at both of its sites. Reads only: nothing is written,
    so a withdrawal that committed before this read is in the statement.

    Raises:
        RefusedError: the run ended, its permit expired, its study is no longer approved, or the model that it scores
            with is no longer released: a suspension stops a scoring that has begun.
        UnknownRunError: it was never admitted.
    """
    admitted = runs.get(tx, run)
    study = studies.get(tx, admitted.study)
    check_permit(admitted.permit, hub_key=signer.public_key(), plan_digest=study.plan_digest, at=at)
    if runs.outcome(tx, run) is not None:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run has ended")
    where = known(tx, study, at=at).standing
    if not where.approved:
        raise RefusedError(Refusal.PLAN_NOT_APPROVED, f"no longer approved; missing: {', '.join(where.missing)}")
    plan = study.parsed()
    if plan.releases_of("score") and not releases.is_usable(releases.latest(tx, plan.package), at=at):
        raise RefusedError(Refusal.MODEL_NOT_RELEASED, "this model was suspended, or its release has ended; score anew")
    epoch = cohorts.current_epoch(tx)
    removed = {
        site: {*gone} for site, gone in cohorts.removed_since(tx, run, plan, since=admitted.epoch, at=at).items()
    }
    for pairing in plan.pairings:
        for site, gone in refused(tx, pairing, run=run, country=plan.country, at=at).items():
            removed.setdefault(site, set()).update(gone)
    return {
        site: sign(
            signer,
            kind=REMOVALS_KIND,
            payload=removals_bytes(
                Removals(
                    run=run,
                    site=site,
                    round=number,
                    nonce=nonce,
                    epoch=epoch,
                    issued_at=at,
                    removed=tuple(sorted(one.hex() for one in removed.get(site, ()))),
                )
            ),
        )
        for site, nonce in nonces.items()
    }
