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

from dataclasses import dataclass
from datetime import datetime

from consent_center.studies.asked import Asked, read_asked, study_of
from consent_center.studies.errors import StudyFileError
from consent_center.studies.study import Study
from consent_center.studies.yaml_values import number_of, text_of, whole_of
from federated.errors import FederatedError
from federated.models.package import parse_package
from federated.models.score_plan import EPSILON, MINIMUM, THRESHOLD, score_plan
from privacy.errors import PrivacyError

_TEXTS = {"site", "model"}
_OPTIONAL = {"threshold", "horizon_days", "epsilon", "minimum_cohort"}


@dataclass(frozen=True, kw_only=True)
class ScoreFile(Asked):
    """A scoring file, read and in itself complete.

    Attributes:
        site: whose members are scored.
        model: digest of a finished model.
        threshold: scores at or above it are flagged; None takes the model's own.
        horizon_days: how far ahead members are told that it looks; None takes the model's own.
        epsilon: pure, of the histogram of scores.
    """

    site: str
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
    data, values, problems = read_asked(text, what="a scoring file", required=_TEXTS, optional=_OPTIONAL)
    values |= {name: text_of(data, name, problems) for name in sorted(_TEXTS)}
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
        threshold = float(trained.settings.get("threshold", THRESHOLD))
        plan = score_plan(
            study=file.study,
            country=file.country,
            site=file.site,
            purpose=file.purpose,
            scopes=tuple(file.scopes),
            package=package,
            threshold=threshold if file.threshold is None else file.threshold,
            horizon_days=trained.horizon_days if file.horizon_days is None else file.horizon_days,
            epsilon=file.epsilon,
            minimum_cohort=file.minimum_cohort,
        )
    except (FederatedError, PrivacyError) as error:
        raise StudyFileError((str(error),)) from error
    return study_of(file, plan, author=author, organisation=organisation, at=at)
