"""Who of the staff may do what: one table, and whatever is not in it is refused.

Laws: a role that a line does not name may not; an administrator reads no payload and answers no study; an auditor
only reads, and only until a day that was set when she came.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

from consent_center.studies.errors import StaffError


class Role(StrEnum):
    """What somebody is here for."""

    DATA_SCIENTIST = "data-scientist"
    LEGAL = "legal"
    TECHNOLOGY = "technology"
    ETHICS = "ethics"
    MEMBERS = "members-representative"
    OPERATOR = "site-operator"
    COMPLIANCE = "compliance"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Act(StrEnum):
    """What can be done in the console; each route does exactly one of these."""

    SEE_QUEUE = "see-queue"
    SEE_TODAY = "see-today"
    SEE_STUDIES = "see-studies"
    FILE_STUDY = "file-study"
    ASSESS_STUDY = "assess-study"
    ANSWER_STUDY = "answer-study"
    SUSPEND_STUDY = "suspend-study"
    SEE_BUDGETS = "see-budgets"
    SEE_RUNS = "see-runs"
    SEE_LOG = "see-log"
    SEE_CONTRACTS = "see-contracts"
    EDIT_CONTRACTS = "edit-contracts"
    SEE_DEFINITIONS = "see-definitions"
    EDIT_DEFINITIONS = "edit-definitions"
    REVIEW_NOTICE = "review-notice"
    EDIT_SCHEMA = "edit-schema"
    EDIT_POLICY = "edit-policy"
    DECIDE_SCOPE = "decide-scope"
    SEE_FINDINGS = "see-findings"
    CLOSE_FINDING = "close-finding"
    READ_MEMBER = "read-member"
    UNMASK_MEMBER = "unmask-member"
    REVIEW_DECISION = "review-decision"
    SEE_PEOPLE = "see-people"
    EDIT_PEOPLE = "edit-people"
    KEEP_KEY = "keep-key"


REVIEWING = frozenset({Role.LEGAL, Role.TECHNOLOGY, Role.ETHICS, Role.MEMBERS, Role.OPERATOR})
"""Roles in which studies are answered."""

_OVERSIGHT = frozenset({Role.COMPLIANCE, Role.AUDITOR})
_EVERYBODY = frozenset(Role)
_WORKING = _EVERYBODY - {Role.ADMINISTRATOR}

ALLOWED: Mapping[Act, frozenset[Role]] = {
    Act.SEE_QUEUE: _EVERYBODY,
    Act.SEE_TODAY: _OVERSIGHT | {Role.LEGAL, Role.TECHNOLOGY, Role.ETHICS, Role.MEMBERS},
    Act.SEE_STUDIES: _WORKING,
    Act.FILE_STUDY: frozenset({Role.DATA_SCIENTIST}),
    Act.ASSESS_STUDY: frozenset({Role.COMPLIANCE, Role.LEGAL}),
    Act.ANSWER_STUDY: REVIEWING,
    Act.SUSPEND_STUDY: REVIEWING | {Role.COMPLIANCE},
    Act.SEE_BUDGETS: _WORKING,
    Act.SEE_RUNS: _WORKING,
    Act.SEE_LOG: _OVERSIGHT | {Role.LEGAL, Role.TECHNOLOGY, Role.MEMBERS, Role.OPERATOR},
    Act.SEE_CONTRACTS: _OVERSIGHT | {Role.LEGAL, Role.TECHNOLOGY, Role.MEMBERS},
    Act.EDIT_CONTRACTS: frozenset({Role.LEGAL}),
    Act.SEE_DEFINITIONS: _WORKING,
    Act.EDIT_DEFINITIONS: frozenset({Role.LEGAL, Role.COMPLIANCE}),
    Act.REVIEW_NOTICE: frozenset({Role.LEGAL, Role.MEMBERS}),
    Act.EDIT_SCHEMA: frozenset({Role.TECHNOLOGY, Role.OPERATOR}),
    Act.EDIT_POLICY: frozenset({Role.LEGAL, Role.COMPLIANCE}),
    Act.DECIDE_SCOPE: frozenset({Role.LEGAL, Role.TECHNOLOGY, Role.MEMBERS}),
    Act.SEE_FINDINGS: _WORKING,
    Act.CLOSE_FINDING: frozenset({Role.COMPLIANCE}),
    Act.READ_MEMBER: frozenset({Role.COMPLIANCE}),
    Act.UNMASK_MEMBER: frozenset({Role.COMPLIANCE}),
    Act.REVIEW_DECISION: frozenset({Role.COMPLIANCE, Role.MEMBERS}),
    Act.SEE_PEOPLE: _OVERSIGHT | {Role.ADMINISTRATOR},
    Act.EDIT_PEOPLE: frozenset({Role.ADMINISTRATOR}),
    Act.KEEP_KEY: REVIEWING,
}

_ALONE = frozenset({Role.ADMINISTRATOR, Role.AUDITOR})
"""Roles that cannot be joined with any other."""


def may(roles: Iterable[Role], act: Act) -> bool:
    """May somebody with these roles do this?"""
    return not ALLOWED.get(act, frozenset()).isdisjoint(roles)


def reviewing_role(roles: Collection[Role], site: str) -> str | None:
    """The role in which somebody answers studies, as it stands in her signed answer; None if she answers none.

    Args:
        roles: hers.
        site: the site that an operator answers for.
    """
    if Role.OPERATOR in roles:
        return f"site:{site}"
    return next((role.value for role in Role if role in REVIEWING and role in roles), None)


def check_roles(roles: Collection[Role], *, site: str, ends: bool) -> None:
    """Refuse roles that one person must not hold together.

    Args:
        roles: what she would be.
        site: her site, empty if none.
        ends: was a last day set?

    Raises:
        StaffError: says which rule.
    """
    if not roles:
        raise StaffError("choose at least one role: nobody may do anything without one")
    if len(roles) > 1 and not _ALONE.isdisjoint(roles):
        raise StaffError("an administrator or an auditor holds no other role: make two accounts for two people")
    if len(REVIEWING & set(roles)) > 1:
        raise StaffError("one person answers studies in one role: choose one reviewing role")
    if (Role.OPERATOR in roles) != bool(site):
        raise StaffError("an operator is of one site, and nobody else is of any: name the site, or leave it out")
    if Role.AUDITOR in roles and not ends:
        raise StaffError("an external auditor comes for a time: set the last day")
