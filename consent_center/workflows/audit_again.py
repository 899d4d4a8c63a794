"""Which models in use are to be audited again now, and with which approved plan. Queries only: they write nothing."""

from dataclasses import dataclass
from datetime import datetime

from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from consent_center.workflows._auditing import AuditPolicy, Due, due_audits
from consent_center.workflows._studying import known


@dataclass(frozen=True)
class Again:
    """A model in use whose audit is due soon, or late.

    Attributes:
        study: an approved, open audit of exactly this model, the newest; empty if nobody asked for one yet.
    """

    due: Due
    study: str


def audits_again(tx: Transaction, *, at: datetime, policy: AuditPolicy | None = None) -> list[Again]:
    """Every model whose audit is due within the policy's notice, the earliest first."""
    notice = policy or AuditPolicy()
    soon = [one for one in due_audits(tx, policy=notice) if one.due_at - notice.soon <= at]
    plans = _approved(tx, at=at) if soon else {}
    return [Again(one, plans.get(one.release.model_digest, "")) for one in soon]


def _approved(tx: Transaction, *, at: datetime) -> dict[str, str]:
    """Digest of a finished model -> the newest approved study that audits it."""
    found = {}
    for study in studies.open_ones(tx, at=at):
        plan = study.parsed()
        if plan.package and plan.releases_of("audit") and known(tx, study, at=at).standing.approved:
            found[plan.package] = study.id
    return found
