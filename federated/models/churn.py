"""Churn: a logistic model on additive inputs; its log-odds are a sum of one term per feature, or per pair of them.

    site         G = sum_i x_i · clip(p_i - y_i, ± bound/|x_i|)  + noise

The clip is in closed form because a logistic gradient is the row times a number. The explanation is exact by
construction: the terms add up to the log-odds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from federated.models import descent
from federated.models import design as additive
from federated.models.additive import Additive
from federated.models.descent import Descent, Path
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release
from federated.tables import SUPPORT
from privacy.clipping import LogisticRows, logistic_clipped_sum

SMOOTH = 2
"""With so many cosines a feature has a shape, and a value can be told from a missing one."""


@dataclass(frozen=True)
class AdditiveLogistic(Additive, Descent):
    """An additive model whose weights are trained.

    Attributes:
        clip: of the largest possible row norm; tight clipping is the largest gain at small epsilon.
    """

    clip: float = 0.5

    def bound(self, features: Sequence[Feature]) -> float:
        """The L2 norm that each member's gradient is clipped to."""
        return self.clip * math.sqrt(additive.squared_bound(features, pairs=self.pairs))

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
        return logistic_clipped_sum(inputs, labels, weights, descent.noise_of(release).sensitivity).total

    def measured(self, inputs: Matrix, labels: Vector) -> LogisticRows:
        """Members' rows with their norms."""
        return LogisticRows.of(inputs, labels, keep=False)

    def contribution_of(self, release: Release, rows: LogisticRows, weights: Vector) -> Vector:
        """The same sum, of rows that were measured before."""
        return rows.clipped_sum(weights, descent.noise_of(release).sensitivity).total

    def start(self, plan: Plan, *, members: int) -> Path:
        """Zero weights, and a step size for this much noise."""
        return descent.begin(plan, np.zeros(self.size(plan.features)), members=members)

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not describe this training."""
        if self.harmonics < SMOOTH:
            super().check(plan)
        else:
            descent.check_descent(plan)

    def counted(
        self, plan: Plan, release: Release, *, inputs: Matrix, labels: Vector, weights: Vector
    ) -> tuple[Vector, Vector]:
        """Scores and outcomes; of a release of support, where each member lies on the feature's axis."""
        if release.name.startswith(SUPPORT):
            index = [feature.name for feature in plan.features].index(release.name.removeprefix(SUPPORT))
            where = additive.positions(plan.features, inputs, index, harmonics=self.harmonics, pairs=self.pairs)
            return where, labels
        return super().counted(plan, release, inputs=inputs, labels=labels, weights=weights)


LINEAR = AdditiveLogistic(name="churn-linear", harmonics=0)
SHAPES = AdditiveLogistic(name="churn-shapes", harmonics=8)
PAIRS = AdditiveLogistic(name="churn-pairs", harmonics=8, pairs=True, clip=0.25)
