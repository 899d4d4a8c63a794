"""Early warning without training: two public rules, to compare models with, and to fall back on while none is released.

    rule-decay   a signal is silent or not: 7 days without a visit, 30 without adding, 60 without buying; any number of
                 signals, only those that a site has
    rule-rfm     recency, frequency, money, in this order: up to 3 points each, from 3 (lost) to 9 (best)

Both are additive models whose weights everybody knows beforehand. Each bin of a feature adds a whole number of points
to the log-odds, a signal that is missing adds none, and half a point is taken off, so that a tie is no warning:

    decay        silent signals - signals that are not - 1/2
    RFM          6 - RFM points - 1/2

A score above one half says: more silent than not; fewer than 6 points. It orders members and is no probability.

A rule takes the road of every model (study, counts under consent, charge, check before release, scoring, reasons); its
run has no training. Where the bins lie is in the plan, so reviewers approve the very cuts that are used.

Source:
    Hughes 1994, "Strategic Database Marketing", for RFM, there with quintiles of the data.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from federated.errors import MalformedError
from federated.models.additive import Additive
from federated.models.design import OTHER_WEIGHT
from federated.models.model import Matrix, Vector
from federated.plan import Feature, Plan, Release

TIE = -0.5
SILENT = (-1, 1)
RECENT, OFTEN = (-1, 0, 1), (1, 0, -1)


@dataclass(frozen=True)
class Rule(Additive):
    """A model that nothing is learned for.

    Attributes:
        points: what each bin adds to the log-odds: one line for each feature, or one for all of them. Each sums to 0.
    """

    harmonics: int = 0
    points: tuple[tuple[int, ...], ...] = (SILENT,)

    def check(self, plan: Plan) -> None:
        """Refuse a plan that trains, or whose features are not cut into the bins that this rule has points for.

        Raises:
            MalformedError: what is wrong with it.
        """
        if plan.releases_of("train"):
            raise MalformedError("a rule learns nothing from members: its plan has an evaluation or an audit only")
        self.rule_weights(plan.features)

    def rule_weights(self, features: Sequence[Feature]) -> Vector:
        """The weights that everybody knows, shape (inputs,).

        Raises:
            MalformedError: features that are not cut into this rule's bins.
        """
        lines = self.points * len(features) if len(self.points) == 1 else self.points
        cut = [len(feature.edges) + 1 if feature.kind == "binned" else 0 for feature in features]
        if not features or cut != [len(line) for line in lines]:
            wanted = "recency, frequency and money, two cuts each" if self is RFM else "one cut for each signal"
            raise MalformedError(f"{self.name} reads {wanted}")
        # The inputs are a centred one-hot over its norm, times a public weight (`models.design`).
        blocks = [np.array(line) * math.sqrt(1 - 1 / len(line)) / OTHER_WEIGHT for line in lines]
        return np.concatenate([*blocks, [TIE / OTHER_WEIGHT]])

    def terms(self, features: Sequence[Feature], values: Matrix, weights: Vector) -> Matrix:
        """The points of each feature, shape (members, features): whole numbers, freed of rounding."""
        return np.asarray(np.rint(super().terms(features, values, weights)))

    def check_weights(self, plan: Plan, weights: Vector) -> None:
        """Refuse any weights but the rule's own.

        Raises:
            MalformedError: other weights under the rule's name.
        """
        own = self.rule_weights(plan.features)
        if weights.shape != own.shape or not np.array_equal(weights, own):
            raise MalformedError(f"{self.name} has weights that everybody knows, and these are others")

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:  # noqa: ARG002  the protocol's
        """None: nothing is trained."""
        return ()

    def contribution(
        self,
        plan: Plan,  # noqa: ARG002  the protocol's
        release: Release,  # noqa: ARG002
        *,
        inputs: Any,  # noqa: ARG002
        labels: Vector,  # noqa: ARG002
        weights: Vector,  # noqa: ARG002
    ) -> Vector:
        """Nothing is trained.

        Raises:
            MalformedError: always.
        """
        raise MalformedError("a rule learns nothing from members")

    def start(self, plan: Plan, *, members: int) -> Vector:  # noqa: ARG002  the protocol's
        """The rule's own weights, from the beginning."""
        return self.rule_weights(plan.features)

    def weights(self, state: Vector) -> Vector:
        """The rule's own."""
        return state

    def update(self, state: Vector, totals: Mapping[str, Vector]) -> Vector:  # noqa: ARG002  the protocol's
        """Nothing changes."""
        return state

    def finish(self, state: Vector) -> Vector:
        """The rule's own."""
        return state

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


DECAY = Rule("rule-decay")
RFM = Rule("rule-rfm", points=(RECENT, OFTEN, OFTEN))
RULES: Mapping[str, Rule] = {rule.name: rule for rule in (DECAY, RFM)}
