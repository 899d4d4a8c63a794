"""What the programme asks of every study, as data: who must agree, how much risk is too much, what a plan may cost.

A new version replaces the earlier one for everything that is decided from then on; what was decided keeps its entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction

from consent_center.studies.errors import StudyError

LONGEST = timedelta(days=1096)
"""How long answers and assessments may count at most: three years."""

PARTS = (
    "sensitive scopes",
    "sites and borders crossed",
    "minors",
    "automated consequences",
    "share of the budget",
    "novelty",
)


def _weights() -> dict[str, Fraction]:
    return dict(zip(PARTS, (Fraction(percent, 100) for percent in (25, 15, 20, 15, 15, 10)), strict=True))


@dataclass(frozen=True)
class Quorum:
    """How many must have said yes.

    Attributes:
        roles: role -> how many people in it.
        organisations: from how many organisations, over all answers together.
    """

    roles: Mapping[str, int] = field(default_factory=lambda: {"legal": 1, "technology": 1, "members-representative": 1})
    organisations: int = 1

    def __post_init__(self) -> None:
        """Refuse a quorum that asks for nobody."""
        if not self.roles or any(count < 1 for count in self.roles.values()) or self.organisations < 1:
            raise StudyError("a quorum names roles, each at least once, from at least one organisation")


@dataclass(frozen=True)
class StudyPolicy:
    """The rules for studies.

    Attributes:
        version: 1, 2, ...; 0 is what holds before anybody decided anything.
        quorum: who must have said yes, besides each site of the plan.
        weights: part of the risk index -> its weight; together 1.
        ethics_threshold: at or above this index an ethics review is added.
        epsilon_ceiling: no plan may ask for more in one run.
        least_cohort: no plan may name a smaller minimum cohort.
        approval_lasts: after this an answer no longer counts.
        assessment_lasts: after this an assessment no longer counts.
        rights_owner: the person who answers for what is owed to members and belongs to no study; empty if nobody yet.
    """

    version: int = 0
    quorum: Quorum = field(default_factory=Quorum)
    weights: Mapping[str, Fraction] = field(default_factory=_weights)
    ethics_threshold: Fraction = Fraction(1, 2)
    epsilon_ceiling: float = 8.0
    least_cohort: int = 50
    approval_lasts: timedelta = timedelta(days=90)
    assessment_lasts: timedelta = timedelta(days=365)
    rights_owner: str = ""

    def __post_init__(self) -> None:
        """Refuse weights that are not shares of one whole."""
        if set(self.weights) != set(PARTS) or sum(self.weights.values()) != 1 or min(self.weights.values()) < 0:
            raise StudyError("the weights of the risk index name each part once and add up to 1")
        if not 0 < self.ethics_threshold <= 1:
            raise StudyError("the ethics threshold lies above 0 and at most at 1")
        if not (0 < self.epsilon_ceiling <= 100 and self.least_cohort >= 1):
            raise StudyError("the most ε of a run lies above 0 and at most at 100, the smallest cohort is 1 or more")
        if not all(timedelta(days=1) <= one <= LONGEST for one in (self.approval_lasts, self.assessment_lasts)):
            raise StudyError("answers and assessments count for 1 to 1096 days")


DEFAULT = StudyPolicy()
