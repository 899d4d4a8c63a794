"""Where a study stands, computed from what was said about it.

A study is approved when every required role and every site of its plan has a valid, unexpired yes to exactly this
plan, none of them from its author, and its assessment is current. Anything less is "not approved", and says who or
what is missing: partial approval does not exist.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.studies.assessment import Assessment
from consent_center.studies.study import Study
from federated.approvals import Approval, agreed_roles

REQUIRED_ROLES = ("legal", "technology", "members-representative")
APPROVAL_LASTS = timedelta(days=90)


@dataclass(frozen=True)
class Standing:
    """Is a study approved at this moment? If not, `missing` says what is, sorted."""

    approved: bool
    missing: tuple[str, ...]


def required_roles(study: Study, assessment: Assessment | None) -> tuple[str, ...]:
    """Who must have said yes: three roles, each site of the plan, and ethics where the risk asks for it."""
    ethics = ("ethics",) if assessment is not None and assessment.needs_ethics else ()
    return (*REQUIRED_ROLES, *ethics, *(f"site:{site}" for site in study.parsed().sites))


def standing(study: Study, assessment: Assessment | None, approvals: Iterable[Approval], *, at: datetime) -> Standing:
    """Where a study stands at one moment.

    Args:
        study: as filed.
        assessment: its latest, if there is one.
        approvals: in any order, already checked against the reviewers' keys; later than `at` are ignored.
        at: the moment asked about.
    """
    missing: set[str] = set()
    if assessment is None or not assessment.is_current(study.plan_digest, at=at):
        missing.add("assessment")
    if at >= study.closes_at:
        missing.add("an open closing date")
    agreed = agreed_roles(
        approval
        for approval in approvals
        if approval.plan_digest == study.plan_digest
        and approval.reviewer != study.author
        and approval.at <= at < approval.at + APPROVAL_LASTS
    )
    missing |= set(required_roles(study, assessment)) - agreed
    return Standing(approved=not missing, missing=tuple(sorted(missing)))
