"""How a finding is opened: once per breach, with an owner and a clock. Not a workflow itself."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import governance
from consent_center.storage.transaction import Transaction
from consent_center.studies.finding import Finding, due_of


def open_finding(tx: Transaction, kind: str, about: str, *, owner: str, at: datetime) -> bool:
    """Open a finding, unless one of this kind is open about this already; returns whether it is new."""
    if governance.open_finding(tx, kind, about):
        return False
    entry = tx.append(
        Event("finding.opened", public={"finding": kind, "about": about}, private={"owner": owner}), at=at
    )
    made = Finding(0, kind, about, owner, opened_at=at, due_at=due_of(kind, at=at))
    governance.add_finding(tx, made, entry=entry)
    return True
