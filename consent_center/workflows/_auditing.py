"""Which limits an audit is judged by, and when a model in use must be audited again. Not a workflow itself."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from audit.fairness.errors import ThresholdsError
from audit.fairness.means import Scale
from audit.fairness.verdict import Thresholds
from consent_center.storage import releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.audit_file import LIMITS
from consent_center.studies.errors import ReleaseError
from federated.models.measures import MEASURES, SHELVES
from federated.plan import Plan

FAILED = "audit-failed"
OVERDUE = "audit-overdue"
KINDS = (FAILED, OVERDUE)


@dataclass(frozen=True, slots=True)
class AuditPolicy:
    """When a model in use is audited again.

    Attributes:
        every: after the audit that released it.
        overridden: after an override, which rests on no PASS; its end comes first if it is earlier.
        soon: so long before it is due, it is listed as coming.
    """

    every: timedelta = timedelta(days=90)
    overridden: timedelta = timedelta(days=30)
    soon: timedelta = timedelta(days=14)


@dataclass(frozen=True)
class Due:
    """A model in use and when it must have been audited again."""

    release: Release
    study: str
    title: str
    due_at: datetime

    def is_late(self, *, at: datetime) -> bool:
        """Is it past?"""
        return at >= self.due_at


def limits_of(plan: Plan, thresholds: Thresholds | None = None) -> Thresholds:
    """The limits of a plan's audit: what its approved settings name, and `thresholds` for the rest.

    Raises:
        ReleaseError: `thresholds` differ from what the plan names, or mean nothing.
    """
    rest = thresholds or Thresholds()
    named: dict[str, Any] = {name: plan.settings[name] for name in LIMITS if name in plan.settings}
    if thresholds is not None and any(getattr(rest, name) != value for name, value in named.items()):
        raise ReleaseError("the approved plan names other limits: file a new plan to change them")
    try:
        return replace(rest, **named)
    except ThresholdsError as error:
        raise ReleaseError(f"the plan's limits mean nothing: {error}") from error


def scale_of(plan: Plan, rung: str = "") -> Scale | None:
    """The ends and the materiality of an audit of members' numbers; None if decisions are audited.

    Args:
        plan: of the audit.
        rung: of its ladder; empty for the first, or the only one.
    """
    if plan.model not in MEASURES:
        return None
    if plan.model == SHELVES:
        return Scale(0.0, 1.0, float(plan.settings["materiality"]))
    number = next((one for one in plan.features if one.name == rung), plan.features[0])
    return Scale(number.lo, number.hi, float(plan.settings["materiality"]))


def due_of(release: Release, policy: AuditPolicy) -> datetime | None:
    """By when a model with this newest decision must be audited again; None if it is not in use."""
    if release.state == "released":
        return release.decided_at + policy.every
    if release.state == "overridden":
        ends = release.until or release.decided_at + policy.overridden
        return min(release.decided_at + policy.overridden, ends)
    return None


def due_audits(tx: Transaction, *, policy: AuditPolicy | None = None) -> list[Due]:
    """Every model in use with the day by which it must have been audited again, the earliest first."""
    found = []
    for release in releases.newest(tx):
        due_at = due_of(release, policy or AuditPolicy())
        if due_at is not None:
            study = studies.get(tx, runs.get(tx, release.run).study)
            found.append(Due(release, study.id, study.title, due_at))
    return sorted(found, key=lambda one: one.due_at)
