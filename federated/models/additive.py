"""Models whose log-odds are a sum of one term per feature, or per pair of them: explained exactly, by construction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from federated.models import design
from federated.models.model import Matrix, Vector
from federated.plan import Feature


@dataclass(frozen=True)
class Additive:
    """A logistic model on additive inputs.

    Attributes:
        name: as a plan says it.
        harmonics: cosines per continuous feature; 0 for straight lines.
        pairs: with a term for each pair of features of which at least one is continuous.
    """

    name: str
    harmonics: int
    pairs: bool = False

    def size(self, features: Sequence[Feature]) -> int:
        """How many weights the model has."""
        return design.inputs_of(features, harmonics=self.harmonics, pairs=self.pairs)

    def design(self, features: Sequence[Feature], values: Matrix) -> Matrix:
        """Bounded inputs on the public basis."""
        return design.design(features, values, harmonics=self.harmonics, pairs=self.pairs)

    def score(self, inputs: Matrix, weights: Vector) -> Vector:
        """In [0, 1], shape (members,)."""
        return np.asarray(expit(inputs @ weights), dtype=np.float64)

    def terms(self, features: Sequence[Feature], values: Matrix, weights: Vector) -> Matrix:
        """What each term adds to the log-odds, shape (members, terms): exact, and centred on a uniform reference."""
        return design.contributions(features, values, weights, harmonics=self.harmonics, pairs=self.pairs)
