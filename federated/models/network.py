"""Churn by a small network: one hidden layer with ReLU on straight inputs, clipped per member in closed form.

It starts from public weights (a fixed generator, the same everywhere), because from zero a network cannot move.
Measured on three data sets it is worse than the additive models at every epsilon: it is here for comparison, and for
data where features interact in ways that pairs cannot say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from federated.models import descent
from federated.models import design as additive
from federated.models.descent import Descent, Path
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release
from privacy.clipping_networks import mlp_clipped_sum
from privacy.networks import Layer

START_SEED = 20261121


@dataclass(frozen=True)
class SmallNetwork(Descent):
    """A network with one hidden layer and one output, the log-odds.

    Attributes:
        name: as a plan says it.
        hidden: units of the hidden layer.
        clip: the L2 norm that each member's gradient is clipped to.
    """

    name: str
    hidden: int = 16
    clip: float = 1.0

    def bound(self, features: Sequence[Feature]) -> float:  # noqa: ARG002  the same for all
        """The L2 norm that each member's gradient is clipped to."""
        return self.clip

    def size(self, features: Sequence[Feature]) -> int:
        """How many weights the model has: two layers, each with its biases."""
        return self.hidden * (self._inputs(features) + 2) + 1

    def design(self, features: Sequence[Feature], values: Matrix) -> Matrix:
        """Bounded inputs, straight; the intercept is the layers' own."""
        return additive.design(features, values, harmonics=0)[:, :-1]

    def contribution(
        self,
        plan: Plan,  # noqa: ARG002  the protocol's
        release: Release,
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,
    ) -> Vector:
        """The clipped sum of the members' gradients, shape (weights,)."""
        layers = self.layers(weights, inputs.shape[1])
        return mlp_clipped_sum(inputs, labels, layers, descent.noise_of(release).sensitivity).flat()

    def start(self, plan: Plan, *, members: int) -> Path:
        """Public random weights of the usual size, and zero biases."""
        inputs = self._inputs(plan.features)
        public = np.random.default_rng(START_SEED)
        first = public.normal(0.0, math.sqrt(2.0 / inputs), self.hidden * inputs)
        second = public.normal(0.0, math.sqrt(1.0 / self.hidden), self.hidden)
        zeros = np.zeros(self.hidden)
        return descent.begin(plan, np.concatenate([first, zeros, second, [0.0]]), members=members)

    def score(self, inputs: Matrix, weights: Vector) -> Vector:
        """Probability of churn."""
        first, second = self.layers(weights, inputs.shape[1])
        hidden = np.maximum(inputs @ first.weights.T + first.bias, 0.0)
        return np.asarray(expit(hidden @ second.weights[0] + second.bias[0]), dtype=np.float64)

    def gradient(self, inputs: Matrix, weights: Vector) -> Matrix:
        """How the log-odds change with each input, shape (members, inputs)."""
        first, second = self.layers(weights, inputs.shape[1])
        active = inputs @ first.weights.T + first.bias > 0
        return np.asarray((active * second.weights[0]) @ first.weights, dtype=np.float64)

    def log_odds(self, inputs: Matrix, weights: Vector) -> Vector:
        """The log-odds, shape (members,)."""
        first, second = self.layers(weights, inputs.shape[1])
        hidden = np.maximum(inputs @ first.weights.T + first.bias, 0.0)
        return np.asarray(hidden @ second.weights[0] + second.bias[0], dtype=np.float64)

    def layers(self, weights: Vector, inputs: int) -> tuple[Layer, Layer]:
        """The flat weights as two layers."""
        cut = self.hidden * inputs
        return (
            Layer(weights[:cut].reshape(self.hidden, inputs), weights[cut : cut + self.hidden]),
            Layer(weights[cut + self.hidden : -1].reshape(1, self.hidden), weights[-1:]),
        )

    def _inputs(self, features: Sequence[Feature]) -> int:
        return additive.inputs_of(features, harmonics=0) - 1


MLP = SmallNetwork(name="churn-mlp")
