"""What a plan costs the member whom it costs most.

Laws: within a part of the members releases add; parts are disjoint, so between parts the componentwise maximum
counts. A member of several sites enters with weights that add up to at most 1, or is charged for each of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from privacy.errors import MechanismError
from privacy.mechanism import Mechanism, cost, from_data, to_data
from privacy.quantities import Cost, exact


@dataclass(frozen=True, slots=True)
class Release:
    """One line of a plan: a mechanism, how often it runs, and on which part of the members.

    Attributes:
        mechanism: what is released, with the sensitivity of one site's contribution.
        times: rounds x the most attempts the plan allows, >= 1.
        part: the disjoint share of the members that it touches ("train", "held-out", "judge").
    """

    mechanism: Mechanism
    times: int = 1
    part: str = "train"

    def __post_init__(self) -> None:
        if type(self.times) is not int or self.times < 1:
            raise MechanismError(f"times must be a whole number, 1 or more, not {self.times!r}")

    def to_data(self) -> dict[str, Any]:
        """Plain text and integers, for storing."""
        return {"mechanism": to_data(self.mechanism), "part": self.part, "times": self.times}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read a release back; an unknown mechanism is refused."""
        return cls(mechanism=from_data(data["mechanism"]), times=data["times"], part=data["part"])


class Overlap(StrEnum):
    """How a member who has rows at several sites enters a run."""

    WEIGHTED = "weighted"
    """Her weights over the sites add up to at most 1 (or she is at one site only): as one contribution."""
    LOCAL_NOISE = "local-noise"
    """Full weight at m sites, each with its own noise: √m·μ."""
    SHARED_NOISE = "shared-noise"
    """Full weight at m sites under one shared noise: m·μ."""


def worst_member_cost(
    releases: Iterable[Release], *, overlap: Overlap = Overlap.WEIGHTED, sites_per_member: int = 1
) -> Cost:
    """The most that a run can cost any one member.

    Within a part releases add; parts are disjoint, so between them the componentwise maximum is taken.

    Args:
        releases: everything the run may release, held-out metrics and fairness tables included.
        overlap: how members of several sites are treated.
        sites_per_member: m, the most sites any member may be in; matters unless she is weighted.
    """
    if type(sites_per_member) is not int or sites_per_member < 1:
        raise MechanismError("sites_per_member must be a whole number, 1 or more")
    worst = Cost.zero()
    for total in cost_by_part(releases).values():
        worst = Cost.worst(worst, total)
    match overlap:
        case Overlap.WEIGHTED:
            return worst
        case Overlap.LOCAL_NOISE:
            return worst.times(sites_per_member)
        case Overlap.SHARED_NOISE:
            return Cost(gaussian=worst.gaussian * sites_per_member**2, pure=worst.pure * sites_per_member)


def cost_by_part(releases: Iterable[Release]) -> dict[str, Cost]:
    """What a member of each part pays: the source of a member's own account."""
    totals: dict[str, Cost] = {}
    for release in releases:
        totals[release.part] = totals.get(release.part, Cost.zero()) + cost(release.mechanism, release.times)
    return totals


def check_weights(weights: Mapping[str, float]) -> None:
    """Refuse weights of one member over the sites that could add up to more than one contribution.

    Raises:
        MechanismError: a weight is outside [0, 1], or their exact sum is above 1.

    Source:
        Kato et al. 2023, "ULDP-FL: Federated Learning with Across Silo User-Level Differential Privacy", section 3.
    """
    parts = [exact(weight) for weight in weights.values()]
    if any(not 0 <= part <= 1 for part in parts) or sum(parts) > 1:
        raise MechanismError("weights of a member over the sites must be 0 or more and add up to at most 1")


def share_std(std: float, *, sites: int, colluders: int, dropouts: int = 0) -> float:
    """The noise each site must add so that the honest, surviving shares still make `std`.

    Args:
        std: standard deviation that the claim needs in the sum.
        sites: K, how many take part, >= 2.
        colluders: k >= 1. Every site knows its own share, so 0 would claim too much.
        dropouts: d, how many may vanish after noise was chosen.

    Returns:
        std/sqrt(K - k - d).

    Raises:
        MechanismError: no honest share is sure to arrive, or k is 0.
    """
    if colluders < 1:
        raise MechanismError("assume at least one colluding site: each knows its own noise share")
    if dropouts < 0 or sites - colluders - dropouts < 1:
        raise MechanismError(f"{sites} sites cannot hide the noise from {colluders} colluders and {dropouts} dropouts")
    return float(std / (sites - colluders - dropouts) ** 0.5)
