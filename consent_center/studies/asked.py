"""What every file says that asks to use members' data, whatever for: one reading, and the study that it becomes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_center.studies.study import Study
from consent_center.studies.yaml_mapping import key_problems, read_mapping
from consent_center.studies.yaml_values import Problems, moment_of, reasons_of, text_of, whole_of
from federated.plan import Plan, plan_bytes

_TEXTS = ("study", "title", "reason", "benefits", "accountable", "country", "purpose")
KEYS = frozenset({*_TEXTS, "retention_days", "closes", "scopes"})
"""What none of the files may leave out."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who asks for what, why, and until when.

    Attributes:
        scopes: scope -> why the plan cannot do without it.
        proposed_by: who else proposed what is in it.
        replaces: the study that it takes the place of; empty if none.
    """

    study: str
    title: str
    reason: str
    benefits: str
    accountable: str
    retention_days: int
    closes: datetime
    country: str
    purpose: str
    scopes: Mapping[str, str]
    proposed_by: tuple[str, ...] = ()
    replaces: str = ""

    @property
    def necessity(self) -> dict[str, str]:
        """Scope -> why it is asked for, of all parts of the plan together."""
        return dict(self.scopes)


def read_asked(
    text: str, *, what: str, required: set[str], optional: set[str]
) -> tuple[dict[str, Any], dict[str, Any], Problems]:
    """Read what is common to all files.

    Args:
        text: the file.
        what: what it should be, for the messages: "a study file".
        required: the further keys that it must have.
        optional: those that it may have.

    Returns:
        Everything that the file says; the values of `Asked` in it; what is wrong so far.

    Raises:
        StudyFileError: it is no mapping of keys at all.
    """
    data = read_mapping(text, what=what)
    problems = Problems(key_problems(data, required={*KEYS, *required}, known={*KEYS, *required, *optional}))
    values: dict[str, Any] = {name: text_of(data, name, problems) for name in _TEXTS}
    values["retention_days"] = whole_of(data, "retention_days", 1, 3650, problems)
    values["closes"] = moment_of(data.get("closes"), problems)
    values["scopes"] = reasons_of(data.get("scopes"), "scopes", problems)
    return data, values, problems


def study_of(file: Asked, plan: Plan, *, author: str, organisation: str, at: datetime) -> Study:
    """The study as it would be filed now.

    Args:
        file: what was written.
        plan: what it asks for.
        author: who files it; she cannot approve it.
        organisation: whose study it is.
        at: now.
    """
    return Study(
        id=file.study,
        title=file.title,
        author=author,
        organisation=organisation,
        accountable=file.accountable,
        reason=file.reason,
        benefits=file.benefits,
        retention_days=file.retention_days,
        plan=plan_bytes(plan),
        filed_at=at,
        closes_at=file.closes,
        necessity=file.necessity,
        proposers=file.proposed_by,
        replaces=file.replaces,
    )
