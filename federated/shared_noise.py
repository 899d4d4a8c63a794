"""Plans whose sites share the noise under a secure sum: made from a plan with local noise, at no higher price.

The total's noise is made for K - k - d sites, those that surely neither collude nor leave, so the sum of all carries
K/(K - k - d) times the variance of one full noise, against K times with local noise.
"""

import math
from dataclasses import replace
from typing import Protocol, runtime_checkable

from federated.canaries import count_of
from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.model import Model
from federated.models.registry import MODELS
from federated.plan import Plan, Release
from federated.secure_sum.quorum import Quorum
from privacy.mechanism import DiscreteGaussian, DiscreteLaplace, Gaussian, cost

FINENESS = 1024
"""Grid steps in a member's sensitivity, for each unit of the square root of the coordinates: rounding costs 0.1 %."""


def with_shared_noise(plan: Plan, *, colluders: int = 1, dropouts: int = 0) -> Plan:
    """The same plan with its training noise as integer shares, priced no higher.

    Args:
        plan: with local noise.
        colluders: k >= 1, see `secure_sum.quorum`.
        dropouts: d, how many sites may leave in a round.

    Raises:
        MalformedError: too few sites, or a model whose sums are not yet shared.
    """
    quorum = Quorum(len(plan.sites), colluders, dropouts)
    model = MODELS.get(plan.model)
    if model is None or plan.noise_mode != "local":
        raise MalformedError("only a plan with local noise and a known model can be given shared noise")
    releases = tuple(
        replace(one, mechanism=_shared(one, _coordinates(model, plan, one), quorum)) if one.kind == "train" else one
        for one in plan.releases
    )
    changed = replace(plan, releases=releases, noise_mode="secure-sum", colluders=colluders, dropouts=dropouts)
    check_noise(changed)
    model.check(changed)
    return changed


def check_noise(plan: Plan) -> None:
    """Refuse a plan whose mechanisms, or canaries, are not those of its noise mode: they were priced for the other one.

    Raises:
        MalformedError: another number of canaries than may be.
        RefusedError: `malformed`.
    """
    count_of(plan)
    shared = plan.noise_mode == "secure-sum"
    honest = plan.quorum.honest if shared else 0
    for release in plan.releases:
        match release.mechanism:
            case DiscreteLaplace():
                fits = True
            case DiscreteGaussian(shares=shares):
                fits = shared and shares == honest
            case _:
                fits = not shared
        if not fits:
            raise RefusedError(Refusal.MALFORMED, f"the noise of {release.name} is not that of the plan's noise mode")


@runtime_checkable
class Sized(Protocol):
    """A model whose sums have other lengths than its weights at the start."""

    def coordinates(self, plan: Plan, release: Release) -> int:
        """How many numbers one of its releases has."""
        ...


def _coordinates(model: Model, plan: Plan, release: Release) -> int:
    if isinstance(model, Sized):
        return model.coordinates(plan, release)
    return len(model.weights(model.start(plan, members=1)))


def _shared(release: Release, coordinates: int, quorum: Quorum) -> DiscreteGaussian:
    noise = release.mechanism
    if not isinstance(noise, Gaussian):
        raise MalformedError(f"{release.name} carries no Gaussian noise; it cannot be shared")
    grid = noise.sensitivity / (FINENESS * math.sqrt(coordinates))
    steps = noise.sensitivity / grid + math.sqrt(coordinates)
    share = noise.std * steps / (noise.sensitivity * math.sqrt(quorum.honest))
    limit = cost(noise, release.times)
    while True:
        made = DiscreteGaussian(noise.sensitivity, grid, coordinates, share, quorum.honest)
        if cost(made, release.times).fits(limit):
            return made
        share *= 1 + 1e-9
