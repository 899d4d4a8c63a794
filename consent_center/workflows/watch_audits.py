"""Models in use whose audit is overdue become findings, each with an owner and a clock."""

from datetime import datetime

from consent_center.storage import runs, studies
from consent_center.storage.transaction import Transaction
from consent_center.workflows._auditing import OVERDUE, AuditPolicy, due_audits
from consent_center.workflows._finding import open_finding


def watch_audits(tx: Transaction, *, at: datetime, policy: AuditPolicy | None = None) -> int:
    """Open a finding for each overdue audit; returns how many are new."""
    return sum(
        open_finding(tx, OVERDUE, due.study, owner=_owner(tx, due.release.run), at=at)
        for due in due_audits(tx, policy=policy)
        if due.is_late(at=at)
    )


def _owner(tx: Transaction, run: str) -> str:
    return studies.get(tx, runs.get(tx, run).study).accountable
