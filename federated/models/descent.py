"""Noised full-batch gradient descent: the road that every churn model takes, whatever its gradient.

    site         G = sum of its members' clipped gradients + noise
    coordinator  V = .9 V + (sum of G over the sites)/n,  W = W - rate · V;  the model is the mean of the last half of W

n is public (the train part of the signed cohorts) and fixed for the run: a member who withdraws sends exact zero.

Source:
    Abadi et al. 2016, "Deep Learning with Differential Privacy", Algorithm 1, with a full batch.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np

from federated.errors import MalformedError
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release
from federated.tables import SUPPORT
from privacy.choice import Steps, steps_for
from privacy.mechanism import DiscreteGaussian, Gaussian

GRADIENT = "gradient"
LARGEST_WEIGHT = 1e6


@runtime_checkable
class Descending(Protocol):
    """A model that is trained this way."""

    def bound(self, features: Sequence[Feature]) -> float:
        """The L2 norm that each member's gradient is clipped to."""
        ...

    def size(self, features: Sequence[Feature]) -> int:
        """How many weights the model has."""
        ...


class Descent(ABC):
    """What the models trained this way have in common; inputs, gradient, clipping and score are each one's own."""

    @abstractmethod
    def size(self, features: Sequence[Feature]) -> int:
        """How many weights the model has."""

    @abstractmethod
    def score(self, inputs: Matrix, weights: Vector) -> Vector:
        """Probability of churn, shape (members,)."""

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not describe this training, or asks where a shape rests that this model has not."""
        check_descent(plan)
        if any(release.name.startswith(SUPPORT) for release in plan.releases):
            raise MalformedError("only models of smooth shapes say where they rest on members; leave support out")

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:
        """The same gradient release in each round."""
        return [(gradient_of(plan),)] * plan.whole("rounds")

    def check_weights(self, plan: Plan, weights: Vector) -> None:
        """Refuse weights that this plan's model cannot have."""
        check_length(weights, self.size(plan.features))

    def weights(self, state: "Path") -> Vector:
        """The present iterate."""
        return state.weights

    def update(self, state: "Path", totals: Mapping[str, Vector]) -> "Path":
        """One step of gradient descent with momentum."""
        return step(state, totals)

    def finish(self, state: "Path") -> Vector:
        """The mean of the last iterates."""
        return state.tail / state.steps.averaged

    def counted(
        self,
        plan: Plan,  # noqa: ARG002  the protocol's
        release: Release,  # noqa: ARG002
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,
    ) -> tuple[Vector, Vector]:
        """Scores and outcomes."""
        return self.score(inputs, weights), labels


@dataclass(frozen=True)
class Path:
    """Where training stands: everything in it is post-processing of noised sums."""

    steps: Steps
    members: int
    weights: Vector
    velocity: Vector
    tail: Vector
    done: int = 0


def check_descent(plan: Plan) -> None:
    """Refuse a plan that does not describe such a training.

    Raises:
        MalformedError: what is wrong with it.
    """
    release = gradient_of(plan)
    if release.times < plan.whole("rounds") * plan.max_attempts:
        raise MalformedError("the plan must price a gradient for each attempt of each of its rounds")
    if not plan.features or any(feature.kind == "items" for feature in plan.features):
        raise MalformedError("a churn model needs at least one feature, and none that is a set of items")
    if release.part != "train" or plan.releases_of("train") != (release,):
        raise MalformedError("a churn model releases nothing but gradients, on the part to train on")


def gradient_of(plan: Plan) -> Release:
    """The one release of the training.

    Raises:
        MalformedError: there is no such release, or not one.
    """
    named = [release for release in plan.releases if release.name == GRADIENT and release.kind == "train"]
    if len(named) != 1:
        raise MalformedError("a churn plan has one release called gradient, with Gaussian noise")
    noise_of(named[0])
    return named[0]


def noise_of(release: Release) -> Gaussian:
    """The noise of a gradient; its sensitivity is the bound that each member is clipped to.

    Of noise that the sites share, it is what the sum surely carries.
    """
    match release.mechanism:
        case Gaussian() as own:
            return own
        case DiscreteGaussian() as shared:
            return Gaussian(shared.sensitivity, shared.grid * shared.share_std * math.sqrt(shared.shares))
        case _:
            raise MalformedError("a gradient is released with Gaussian noise")


def begin(plan: Plan, weights: Vector, *, members: int) -> Path:
    """The first point of the path, and a step size for this much noise.

    Args:
        plan: the plan in force.
        weights: where to begin; public.
        members: the public denominator.
    """
    noise = noise_of(gradient_of(plan))
    chosen = steps_for(
        rounds=plan.whole("rounds"),
        members=members,
        bound=noise.sensitivity,
        std=noise.std,
        noises=len(plan.sites) if plan.noise_mode == "local" else 1,
    )
    zero = np.zeros_like(weights)
    return Path(steps=chosen, members=members, weights=weights, velocity=zero, tail=zero)


def step(path: Path, totals: Mapping[str, Vector]) -> Path:
    """One step with momentum.

    Raises:
        MalformedError: the gradients have another length than the model.
    """
    if totals[GRADIENT].shape != path.weights.shape:
        raise MalformedError("the sites' gradients have another length than the model")
    velocity = path.steps.momentum * path.velocity + totals[GRADIENT] / path.members
    weights = path.weights - path.steps.rate * velocity
    done = path.done + 1
    counts = done > path.steps.rounds - path.steps.averaged
    return replace(
        path, weights=weights, velocity=velocity, done=done, tail=path.tail + weights if counts else path.tail
    )


def check_length(weights: Vector, expected: int) -> None:
    """As many weights as the model has, none above `LARGEST_WEIGHT`: then every score is a number.

    Raises:
        MalformedError: another length, or numbers beyond what arithmetic holds (a NaN is one).
    """
    if weights.shape != (expected,) or not (np.abs(weights) <= LARGEST_WEIGHT).all():
        raise MalformedError(f"this model has {expected} weights of at most {LARGEST_WEIGHT:g}")
