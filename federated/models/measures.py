"""Not a model: one number for each member, read from one column of each site's rows, to be compared between groups.

    answers   what she answered when she was asked how content she is
    lists     what her lists of recommendations are like: their variety, or whether they narrow against her own history
    offers    whether an offer reached her, or whether she redeemed it
    prices    what she paid against the shelf price

    column NAME          her number; missing where she is silent or was not asked
    column NAME_given    1 where it is known, 0 where she was asked and is silent; missing where she was not asked

Her number must follow from her own rows and public data alone: then she changes one cell by one, and the noise holds.
Plan, consent, noise, charge and report are those of every audit; the plan names what was measured by its `Declaration`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from federated.errors import MalformedError
from federated.models.decisions import Decisions
from federated.models.model import Matrix, Vector
from federated.plan import Plan, Release

KINDS = ("answers", "lists", "offers", "prices")
GIVEN = "_given"


@dataclass(frozen=True)
class Measured(Decisions):
    """One kind of number."""

    name: str = "answers"

    def check(self, plan: Plan) -> None:
        """Refuse a plan that would do anything but audit one column of numbers.

        Raises:
            MalformedError: says what else it does.
        """
        if len(plan.features) != 1 or plan.features[0].kind != "continuous":
            raise MalformedError("an audit of members' numbers reads one column of them")
        only, materiality = plan.features[0], plan.settings.get("materiality")
        if plan.label != only.name + GIVEN or not plan.package:
            raise MalformedError("numbers are read with whether they are known; the plan names their declaration")
        if any(release.kind != "audit" for release in plan.releases):
            raise MalformedError("members' numbers are audited only")
        if not isinstance(materiality, int | float) or not 0 < materiality < only.hi - only.lo:
            raise MalformedError("name the difference of means that matters: materiality, in the number's own unit")

    def counted(
        self,
        plan: Plan,  # noqa: ARG002  the protocol's
        release: Release,  # noqa: ARG002
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,  # noqa: ARG002
    ) -> tuple[Vector, Vector]:
        """Numbers in [0, 1] and whether they are known; the silent in the lowest bin, NaN for who was not asked."""
        known = (labels == 1) & ~np.isnan(inputs[:, 0])
        return np.where(known, inputs[:, 0], np.where(labels == 0, 0.0, np.nan)), labels


MEASURES: Mapping[str, Measured] = {name: Measured(name) for name in KINDS}
