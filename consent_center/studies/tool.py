"""A collection tool: the source behind a scope, with a risk index of its own.

App events, Wi-Fi counters, service calls: what collects is assessed apart from what is learned from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from consent_center.studies.errors import StudyError

WEIGHTS: Mapping[str, Fraction] = {
    "runs unseen by members": Fraction(30, 100),
    "sees people who are not members": Fraction(25, 100),
    "precise place or time": Fraction(20, 100),
    "sensitive scope": Fraction(15, 100),
    "made by somebody else": Fraction(10, 100),
}
REVIEW_THRESHOLD = Fraction(1, 2)
REVIEW_EVERY = timedelta(days=365)


@dataclass(frozen=True)
class Tool:
    """A collection tool as it was registered.

    Attributes:
        scope: the scope that it fills.
        site: whose tool it is.
        traits: which of `WEIGHTS` apply.
        reviewed_at: when somebody last looked at it; None if never.
    """

    code: str
    name: str
    site: str
    scope: str
    traits: frozenset[str]
    owner: str
    registered_at: datetime
    reviewed_at: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse traits that nobody knows."""
        if unknown := self.traits - set(WEIGHTS):
            raise StudyError(f"unknown traits of a tool: {', '.join(sorted(unknown))}")

    @property
    def index(self) -> Fraction:
        """The weighted sum of its traits, between 0 and 1."""
        return sum((WEIGHTS[trait] for trait in self.traits), Fraction(0))

    def needs_review(self, *, at: datetime) -> bool:
        """Is it risky, and was it not looked at within a year?"""
        if self.index < REVIEW_THRESHOLD:
            return False
        return self.reviewed_at is None or at >= self.reviewed_at + REVIEW_EVERY
