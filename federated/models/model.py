"""What a model is to a run: public arithmetic over members' rows at a site, and over noised sums at the coordinator.

At a site: `design` turns unit values into bounded inputs, `contribution` into one clipped sum. At the coordinator:
`start`, `update` and `finish` see nothing but noised sums and public numbers, so they cost nothing.

Unit values, shape (members, features), NaN where a value is missing:

    continuous   (x - lo)/(hi - lo), moved into [0, 1]
    binary       0 or 1
    categorical  index into the feature's categories
    binned       index of the bin between the feature's edges
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from federated.plan import Feature, Plan, Release

Inputs = Any
"""What a model makes of members' rows, one entry per member, sliced by indices or masks: a `Matrix`, or `Histories`."""
Vector = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Exchange:
    """One round of a run: the releases that every site sends in it, all of one kind on one part."""

    number: int
    releases: tuple[Release, ...]

    @property
    def release(self) -> Release:
        """Any of them, to ask for kind and part."""
        return self.releases[0]


@runtime_checkable
class Model(Protocol):
    """One file in this package, and one line in the registry."""

    @property
    def name(self) -> str:
        """The name that a plan says."""
        ...

    def check(self, plan: Plan) -> None:
        """Refuse a plan whose releases or settings this model does not understand or could not keep.

        Raises:
            MalformedError: what is wrong with it.
        """
        ...

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:
        """What every site releases in each training round, in order."""
        ...

    def design(self, features: Sequence[Feature], values: Any) -> Inputs:
        """Bounded inputs for unit values, shape (members, inputs), or for histories; what is missing says nothing."""
        ...

    def check_weights(self, plan: Plan, weights: Vector) -> None:
        """Refuse weights before any row is touched, so that no refusal after that can depend on a row.

        Raises:
            MalformedError: another length than the plan's model has, or numbers beyond what arithmetic holds.
        """
        ...

    def contribution(self, plan: Plan, release: Release, *, inputs: Any, labels: Vector, weights: Vector) -> Vector:
        """The sum over members, each clipped to the release's sensitivity; without noise, so for the site alone.

        Args:
            plan: the plan in force.
            release: which of its releases.
            inputs: shape (members, inputs), from `design`.
            labels: shape (members,), 0 or 1.
            weights: what the coordinator sent with the round.
        """
        ...

    def start(self, plan: Plan, *, members: int) -> Any:
        """The state before the first round.

        Args:
            plan: the plan in force.
            members: the public denominator, from the signed cohorts.
        """
        ...

    def weights(self, state: Any) -> Vector:
        """What the sites need for the next round."""
        ...

    def update(self, state: Any, totals: Mapping[str, Vector]) -> Any:
        """The state after a round whose noised sums over all sites are these, by release."""
        ...

    def finish(self, state: Any) -> Vector:
        """The weights of the finished model."""
        ...

    def counted(
        self, plan: Plan, release: Release, *, inputs: Any, labels: Vector, weights: Vector
    ) -> tuple[Vector, Vector]:
        """What an evaluation or an audit counts: for each member a number in [0, 1] and her label (0, 1 or NaN).

        A scoring model counts its score and the outcome; a ranking model how good her list was, NaN if that cannot be
        known.
        """
        ...


@runtime_checkable
class Measuring(Model, Protocol):
    """A model that checks and measures members' rows once for all rounds, where `contribution` does so in each.

    Law: `contribution_of(release, measured(inputs, labels), weights)` is `contribution` of the same rows.
    """

    def measured(self, inputs: Any, labels: Vector) -> Any:
        """Rows for many rounds; nobody may change the arrays after that."""
        ...

    def contribution_of(self, release: Release, rows: Any, weights: Vector) -> Vector:
        """As `contribution`, for rows from `measured`."""
        ...


@runtime_checkable
class Scorer(Model, Protocol):
    """A model that gives each member one number."""

    def score(self, inputs: Any, weights: Vector) -> Vector:
        """Scores in [0, 1], shape (members,), for inputs from `design`."""
        ...
