"""A scoring as its author writes it: one YAML file, of which every problem is told at once.

    study: offers-2026-12
    title: Offers for members who may come less often
    reason: An offer that suits a member may bring her back; one that does not is a nuisance.
    benefits: Fewer offers, better chosen; each with its reasons.
    accountable: head-of-marketing
    retention_days: 365
    closes: 2027-03-31
    country: TW
    site: sales                   # a site scores its own members: one file for each site
    purpose: offers
    scopes: {purchases: The model was trained on them and reads nothing else.}
    model: <digest of a finished model>
    threshold: 0.3                # optional: else the model's own; so is horizon_days
    epsilon: 0.02                 # optional, of the one histogram of scores that leaves the site, as is minimum_cohort

Law: an unknown key is refused, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from consent_center.studies.errors import StudyFileError
from consent_center.studies.study import Study
from consent_center.studies.yaml_mapping import key_problems, read_mapping
from consent_center.studies.yaml_values import Problems, moment_of, number_of, reasons_of, text_of, whole_of
from federated.errors import FederatedError
from federated.models.package import parse_package
from federated.models.score_plan import EPSILON, MINIMUM, THRESHOLD, score_plan
from federated.plan import plan_bytes
from privacy.errors import PrivacyError

_TEXTS = ("study", "title", "reason", "benefits", "accountable", "country", "site", "purpose", "model")
_REQUIRED = {*_TEXTS, "retention_days", "closes", "scopes"}
_OPTIONAL = {"threshold", "horizon_days", "epsilon", "minimum_cohort"}


@dataclass(frozen=True)
class ScoreFile:
    """A scoring file, read and in itself complete.

    Attributes:
        scopes: scope -> why scoring cannot do without it.
        model: digest of a finished model.
        threshold: scores at or above it are flagged; None takes the model's own.
        horizon_days: how far ahead members are told that it looks; None takes the model's own.
        epsilon: pure, of the histogram of scores.
    """

    study: str
    title: str
    reason: str
    benefits: str
    accountable: str
    retention_days: int
    closes: datetime
    country: str
    site: str
    purpose: str
    scopes: Mapping[str, str]
    model: str
    threshold: float | None = None
    horizon_days: int | None = None
    epsilon: float = EPSILON
    minimum_cohort: int = MINIMUM


def read_score_file(text: str) -> ScoreFile:
    """Read a scoring file.

    Raises:
        StudyFileError: with every problem that it has.
    """
    data = read_mapping(text, what="a scoring file")
    problems = Problems(key_problems(data, required=_REQUIRED, known=_REQUIRED | _OPTIONAL))
    values: dict[str, Any] = {name: text_of(data, name, problems) for name in _TEXTS}
    values["retention_days"] = whole_of(data, "retention_days", 1, 3650, problems)
    values["closes"] = moment_of(data.get("closes"), problems)
    values["scopes"] = reasons_of(data.get("scopes"), "scopes", problems)
    for name, high in (("threshold", 1.0), ("epsilon", 100.0)):
        if name in data:
            values[name] = number_of(data, name, 0.0, high, problems)
    for name, high in (("horizon_days", 730), ("minimum_cohort", 10**9)):
        if name in data:
            values[name] = whole_of(data, name, 1, high, problems)
    if problems.found:
        raise StudyFileError(tuple(problems.found))
    return ScoreFile(**values)


def score_study(file: ScoreFile, *, package: bytes, author: str, organisation: str, at: datetime) -> Study:
    """The study of a scoring as it would be filed now.

    Args:
        file: what was written.
        package: the finished model's bytes.
        author: who files it; she cannot approve it.
        organisation: whose study it is.
        at: now.

    Raises:
        StudyFileError: the parts make no plan.
    """
    try:
        trained = parse_package(package).parsed_plan()
        plan = score_plan(
            study=file.study,
            country=file.country,
            site=file.site,
            purpose=file.purpose,
            scopes=tuple(file.scopes),
            package=package,
            threshold=file.threshold or float(trained.settings.get("threshold", THRESHOLD)),
            horizon_days=file.horizon_days or trained.horizon_days,
            epsilon=file.epsilon,
            minimum_cohort=file.minimum_cohort,
        )
    except (FederatedError, PrivacyError) as error:
        raise StudyFileError((str(error),)) from error
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
        necessity=file.scopes,
    )
