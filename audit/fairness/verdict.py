"""The words and limits of an audit's verdicts, as data."""

import math
from dataclasses import dataclass
from enum import StrEnum

from audit.fairness.errors import ThresholdsError


class Verdict(StrEnum):
    """What an audit may answer."""

    PASS = "PASS"  # noqa: S105  the word of the verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INSUFFICIENT = "INSUFFICIENT"


class Measure(StrEnum):
    """What two groups are compared on."""

    IMPACT_RATIO = "impact_ratio"
    SELECTION = "selection"
    TRUE_POSITIVE_RATE = "true_positive_rate"
    FALSE_POSITIVE_RATE = "false_positive_rate"
    PRECISION = "precision"
    EQUALISED_ODDS = "equalised_odds"
    AUC = "auc"
    MEAN = "mean"
    EXPOSURE = "exposure"


class Reason(StrEnum):
    """Why a verdict is what it is."""

    WITHIN_LIMIT = "within_limit"
    OUTSIDE_LIMIT = "outside_limit"
    ACROSS_LIMIT = "across_limit"
    TOO_FEW_MEMBERS = "too_few_members"
    MOSTLY_NOISE = "mostly_noise"
    ONE_OUTCOME = "one_outcome"
    NO_OTHER_GROUP = "no_other_group"
    SHOWN_ONLY = "shown_only"


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The limits of verdicts, as data of the signed audit plan.

    Attributes:
        impact_ratio: PASS needs the least selected group at this share of the most selected one, in (0, 1);
            .8 is the four-fifths rule of 29 CFR 1607.4(D).
        difference: limit of differences of rates, in (0, 1); None shows them without a verdict.
        minimum_members: a group must have at least this many members for certain.
        noise_share: the noise may make at most this part of a rate's variance.
        minimum_outcomes: over all groups at least so many members are selected, and as many are not.
        alpha: intervals have level 1 - alpha over all tests together (Bonferroni).
        power: what "detectable" means.
    """

    impact_ratio: float = 0.8
    difference: float | None = None
    minimum_members: int = 50
    noise_share: float = 0.5
    minimum_outcomes: int = 10
    alpha: float = 0.05
    power: float = 0.8

    def __post_init__(self) -> None:
        shares = [self.impact_ratio, self.noise_share, self.alpha, self.power]
        if self.difference is not None:
            shares.append(self.difference)
        numbers = [*shares, self.minimum_members, self.minimum_outcomes]
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in numbers):
            raise ThresholdsError("limits, alpha, power, noise share and minima must be numbers")
        least = (self.minimum_members, self.minimum_outcomes)
        if not all(0 < share < 1 for share in shares) or not all(1 <= one < math.inf for one in least):
            raise ThresholdsError("limits, alpha, power and noise share must lie between 0 and 1, minima at 1 or more")


@dataclass(frozen=True, slots=True)
class Gap:
    """One comparison of two groups.

    Attributes:
        attribute: what the groups are groups of.
        measure: what they are compared on.
        group: the group that is compared; `reference` with whom, None if no other group had enough members.
        members: noised number of members behind the group's figure; `reference_members` of the reference.
        rate: the group's own figure; `reference_rate` the reference's.
        value: ratio (impact ratio) or difference (all others), with its interval `low` to `high`; None if INSUFFICIENT.
        detectable: the gap that this audit would have found with the stated power: for the impact ratio a ratio below
            the limit that would have been a FAIL, for differences a distance from 0. None if no gap could be found.
        noise_share: the larger of the two groups' shares of variance made by noise.
        p_value: two-sided, of "no difference", not adjusted; None if INSUFFICIENT.
        tests: how many comparisons the interval allows for.
        verdict: None if shown only.
        reason: why.
    """

    attribute: str
    measure: Measure
    group: str
    reference: str | None
    members: int
    reference_members: int | None
    rate: float | None
    reference_rate: float | None
    value: float | None
    low: float | None
    high: float | None
    detectable: float | None
    noise_share: float
    p_value: float | None
    tests: int
    verdict: Verdict | None
    reason: Reason
