"""Churn: a logistic model on additive inputs, trained by noised full-batch gradients.

    site         G = sum_i x_i · clip(p_i - y_i, ± bound/|x_i|)  + noise
    coordinator  V = .9 V + (sum of G over the sites)/n,  W = W - rate · V;  the model is the mean of the last half of W

n is public (the train part of the signed cohorts) and fixed for the run: a member who withdraws sends exact zero.

Source:
    Abadi et al. 2016, "Deep Learning with Differential Privacy", Algorithm 1, with a full batch; the clip in closed
    form because a logistic gradient is the row times a number.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from federated.errors import MalformedError
from federated.models import design as additive
from federated.models.model import Matrix, Vector
from federated.models.schedule import MOMENTUM, Steps, steps
from federated.plan import Feature, Plan, Release
from privacy.clipping import logistic_clipped_sum
from privacy.mechanism import Gaussian

GRADIENT = "gradient"
CLIP = 0.5
"""Clip at this share of the largest possible row norm: tight clipping is the largest gain at small epsilon."""

LARGEST_WEIGHT = 1e6


@dataclass(frozen=True)
class Path:
    """Where training stands: everything in it is post-processing of noised sums."""

    steps: Steps
    members: int
    weights: Vector
    velocity: Vector
    tail: Vector
    done: int = 0


@dataclass(frozen=True)
class AdditiveLogistic:
    """A logistic model whose log-odds are a sum of one term per feature.

    Attributes:
        name: as a plan says it.
        harmonics: cosines per continuous feature; 0 for straight lines.
    """

    name: str
    harmonics: int

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not describe this training."""
        gradient = self._gradient(plan)
        if gradient.times < plan.whole("rounds") * plan.max_attempts:
            raise MalformedError("the plan must price a gradient for each attempt of each of its rounds")
        if not plan.features:
            raise MalformedError("a churn model needs at least one feature")
        if gradient.part != "train" or plan.releases_of("train") != (gradient,):
            raise MalformedError("a churn model releases nothing but gradients, on the part to train on")

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:
        """The same gradient release in each round."""
        return [(self._gradient(plan),)] * plan.whole("rounds")

    def bound(self, features: Sequence[Feature]) -> float:
        """The L2 norm that each member's gradient is clipped to."""
        return CLIP * math.sqrt(additive.squared_bound(features))

    def design(self, features: Sequence[Feature], values: Matrix) -> Matrix:
        """Bounded inputs on the public basis."""
        return additive.design(features, values, harmonics=self.harmonics)

    def check_weights(self, plan: Plan, weights: Vector) -> None:
        """As many weights as inputs, none above `LARGEST_WEIGHT`: then every score is a number."""
        expected = additive.inputs_of(plan.features, harmonics=self.harmonics)
        if weights.shape != (expected,) or not (np.abs(weights) <= LARGEST_WEIGHT).all():
            raise MalformedError(f"this model has {expected} weights of at most {LARGEST_WEIGHT:g}")

    def contribution(
        self,
        plan: Plan,  # noqa: ARG002  the protocol's; the release alone says what this model needs
        release: Release,
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,
    ) -> Vector:
        """The clipped sum of the members' gradients, shape (inputs,)."""
        return logistic_clipped_sum(inputs, labels, weights, self._mechanism(release).sensitivity).total

    def start(self, plan: Plan, *, members: int) -> Path:
        """Zero weights, and a step size for this much noise."""
        gradient = self._gradient(plan)
        noise = self._mechanism(gradient)
        zero = np.zeros(additive.inputs_of(plan.features, harmonics=self.harmonics))
        path = steps(
            rounds=plan.whole("rounds"),
            members=members,
            bound=noise.sensitivity,
            std=noise.std,
            sites=len(plan.sites),
        )
        return Path(steps=path, members=members, weights=zero, velocity=zero, tail=zero)

    def weights(self, state: Path) -> Vector:
        """The present iterate."""
        return state.weights

    def update(self, state: Path, totals: Mapping[str, Vector]) -> Path:
        """One step of gradient descent with momentum."""
        if totals[GRADIENT].shape != state.weights.shape:
            raise MalformedError("the sites' gradients have another length than the model")
        velocity = MOMENTUM * state.velocity + totals[GRADIENT] / state.members
        weights = state.weights - state.steps.rate * velocity
        done = state.done + 1
        counts = done > state.steps.rounds - state.steps.averaged
        return replace(
            state, weights=weights, velocity=velocity, done=done, tail=state.tail + weights if counts else state.tail
        )

    def finish(self, state: Path) -> Vector:
        """The mean of the last iterates."""
        return state.tail / state.steps.averaged

    def score(self, inputs: Matrix, weights: Vector) -> Vector:
        """Probability of churn."""
        return np.asarray(expit(inputs @ weights), dtype=np.float64)

    def _gradient(self, plan: Plan) -> Release:
        named = [release for release in plan.releases if release.name == GRADIENT and release.kind == "train"]
        if len(named) != 1 or not isinstance(named[0].mechanism, Gaussian):
            raise MalformedError("a churn plan has one release called gradient, with Gaussian noise")
        return named[0]

    def _mechanism(self, release: Release) -> Gaussian:
        if not isinstance(release.mechanism, Gaussian):
            raise MalformedError("a gradient is released with Gaussian noise")
        return release.mechanism


LINEAR = AdditiveLogistic(name="churn-linear", harmonics=0)
SHAPES = AdditiveLogistic(name="churn-shapes", harmonics=8)
