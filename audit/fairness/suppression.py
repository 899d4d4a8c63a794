"""What a report may print about small groups.

Noise protects members, suppression protects readers: a rate of a handful of people is not evidence. Counts are shown
with the uncertainty of their noise; below the minimum only "fewer than" is shown.
"""

from dataclasses import dataclass

from audit.fairness.evidence import EVIDENCE_Z, members
from audit.fairness.intervals import Rate
from audit.fairness.verdict import Thresholds


@dataclass(frozen=True, slots=True)
class ShownCount:
    """A number of members as a report prints it.

    Attributes:
        members: rounded to what the noise leaves certain; None if it may be below the minimum.
        fewer_than: the minimum, if `members` is None.
        give_or_take: half width of the 95 % interval that the noise alone makes; 0 without noise.
    """

    members: int | None
    fewer_than: int | None
    give_or_take: int


def shown_count(rate: Rate, thresholds: Thresholds) -> ShownCount:
    """The number of members behind a single rate, or "fewer than" the minimum."""
    give_or_take = round(EVIDENCE_Z * ((rate.yes_cells + rate.no_cells) * rate.noise_variance) ** 0.5)
    if float(rate.members_low(EVIDENCE_Z)) < thresholds.minimum_members:
        return ShownCount(None, thresholds.minimum_members, give_or_take)
    return ShownCount(members(rate), None, give_or_take)
