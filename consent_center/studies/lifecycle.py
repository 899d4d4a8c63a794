"""Where a study stands, computed from what was said about it and from what bears on it now.

A study is approved when its quorum and every site of its plan have said a valid, unexpired yes to exactly this plan,
none of them by somebody who had a hand in it, its assessment is current, and nothing bears on it: no contract has
ended, no risk has risen, nobody has suspended it. Anything less is "not approved", and says who or what is missing:
partial approval does not exist. Nobody has to click for a study to be suspended; it is computed at every question.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent_center.studies.assessment import Assessment
from consent_center.studies.policy import DEFAULT, StudyPolicy
from consent_center.studies.study import Study
from federated.approvals import Approval

ASSESSMENT, CLOSING_DATE, ORGANISATIONS = "assessment", "an open closing date", "organisations"


class Stage(StrEnum):
    """The one word for where a study stands."""

    FILED = "filed"
    WAITING = "waiting"
    REFUSED = "refused"
    APPROVED = "approved"
    SUSPENDED = "suspended"
    CLOSED = "closed"


@dataclass(frozen=True)
class Standing:
    """Is a study approved at this moment?

    Attributes:
        missing: who or what is, sorted; empty means approved.
        agreed: the roles that have said yes often enough.
        refused: the roles in which somebody's latest word is no.
        bearing: what bears on it now, as codes: "contract:tern", "risk:sensitive-scopes", "suspended".
    """

    approved: bool
    missing: tuple[str, ...]
    stage: Stage = Stage.WAITING
    agreed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    bearing: tuple[str, ...] = ()


def required_roles(
    study: Study, assessment: Assessment | None, *, policy: StudyPolicy = DEFAULT
) -> tuple[tuple[str, int], ...]:
    """Who must have said yes, and how many: the quorum, ethics where the risk asks for it, each site of the plan."""
    wanted = dict(policy.quorum.roles)
    if assessment is not None and assessment.needs_ethics:
        wanted.setdefault("ethics", 1)
    return (*wanted.items(), *((f"site:{site}", 1) for site in study.parsed().concerned))


def counting(
    study: Study, approvals: Iterable[Approval], *, at: datetime, policy: StudyPolicy = DEFAULT
) -> dict[tuple[str, str], Approval]:
    """(reviewer, role) -> her latest answer that counts at this moment: to this plan, unexpired, not a designer's.

    Of two answers at the same moment the no counts.
    """
    latest: dict[tuple[str, str], Approval] = {}
    for one in sorted(approvals, key=lambda each: (each.at, each.answer == "no")):
        fits = one.plan_digest == study.plan_digest and one.reviewer not in study.designers
        if fits and one.at <= at < one.at + policy.approval_lasts:
            latest[one.reviewer, one.role] = one
    return latest


def standing(
    study: Study,
    assessment: Assessment | None,
    approvals: Iterable[Approval],
    *,
    at: datetime,
    policy: StudyPolicy = DEFAULT,
    bearing: Iterable[str] = (),
) -> Standing:
    """Where a study stands at one moment.

    Args:
        study: as filed.
        assessment: its latest, if there is one.
        approvals: in any order, already checked against the reviewers' keys; later than `at` are ignored.
        at: the moment asked about.
        policy: whom the programme asks.
        bearing: what bears on it now, as codes.
    """
    answers = counting(study, approvals, at=at, policy=policy)
    refused = sorted({role for (_, role), one in answers.items() if one.answer == "no"})
    yes: dict[str, set[str]] = {}
    for (reviewer, role), one in answers.items():
        if one.answer == "yes":
            yes.setdefault(role, set()).add(reviewer)
    wanted = required_roles(study, assessment, policy=policy)
    agreed = [role for role, count in wanted if role not in refused and len(yes.get(role, ())) >= count]
    missing = {role for role, _ in wanted} - set(agreed) | set(refused)
    organisations = {one.organisation for (_, role), one in answers.items() if one.answer == "yes" and role in agreed}
    if len(organisations) < policy.quorum.organisations:
        missing.add(ORGANISATIONS)
    unanswered = bool(missing)
    if assessment is None or not assessment.is_current(study.plan_digest, at=at):
        missing.add(ASSESSMENT)
    if at >= study.closes_at:
        missing.add(CLOSING_DATE)
    bears = tuple(sorted(set(bearing)))
    missing |= set(bears)
    if at >= study.closes_at:
        stage = Stage.CLOSED
    elif refused:
        stage = Stage.REFUSED
    elif not missing:
        stage = Stage.APPROVED
    elif not unanswered:
        stage = Stage.SUSPENDED
    else:
        stage = Stage.FILED if assessment is None else Stage.WAITING
    return Standing(
        approved=not missing,
        missing=tuple(sorted(missing)),
        stage=stage,
        agreed=tuple(sorted(agreed)),
        refused=tuple(refused),
        bearing=bears,
    )
