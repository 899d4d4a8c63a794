"""Not a model: one number for each member, to be compared between groups.

    answers   what she answered when she was asked how content she is
    lists     what her lists of recommendations are like: their variety, or whether they narrow against her own history
    offers    whether an offer reached her, or whether she redeemed it
    prices    what she paid against the shelf price
    shelves   which shelf of the catalogue the item of her list lies on that she stands for: exposure by group

A site takes the number in as a file:

    column NAME          her number; missing where she is silent or was not asked
    column NAME_given    1 where it is known, 0 where she was asked and is silent; missing where she was not asked

or works it out from its own tables, by the gauges that the plan names beforehand (`federated.site.gauges`): the rungs
of a ladder. Each rung is a table of its own with a charge of its own; who has no number there is in no cell of it.

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
from federated.tables import BINS, counted_of

SHELVES = "shelves"
GAUGES: Mapping[str, tuple[str, ...]] = {
    "prices": ("price_week", "price_store", "price_shelf"),
    "offers": ("offer_reached", "offer_redeemed"),
    "lists": ("list_diversity", "list_lift", "list_calibration", "list_novelty", "list_own", "list_narrowing"),
    SHELVES: ("list_shelf",),
}
"""What a site can work out itself, by kind; `federated.site.gauges` says how, and from which tables."""
KINDS = ("answers", "lists", "offers", "prices", SHELVES)
GIVEN = "_given"
NARROWEST, WIDEST_BIN = 10, 4


@dataclass(frozen=True)
class Measured(Decisions):
    """One kind of number."""

    name: str = "answers"

    def check(self, plan: Plan) -> None:
        """Refuse a plan that would do anything but audit members' numbers.

        Raises:
            MalformedError: says what else it does.
        """
        materiality = plan.settings.get("materiality")
        if not plan.package or any(release.kind != "audit" for release in plan.releases):
            raise MalformedError("members' numbers are audited only; the plan names their declaration")
        span = self._span(plan)
        if not isinstance(materiality, int | float) or not 0 < materiality < span:
            raise MalformedError("name the difference of means that matters: materiality, in the number's own unit")
        if not plan.label and self.name in ("prices", "lists"):
            self._check_sight(plan, span, float(materiality))

    def counted(
        self,
        plan: Plan,
        release: Release,
        *,
        inputs: Matrix,
        labels: Vector,
        weights: Vector,  # noqa: ARG002  the protocol's
    ) -> tuple[Vector, Vector]:
        """Numbers in [0, 1] and whether they are known; the silent in the lowest bin, NaN for who was not asked."""
        if plan.label:
            known = (labels == 1) & ~np.isnan(inputs[:, 0])
            return np.where(known, inputs[:, 0], np.where(labels == 0, 0.0, np.nan)), labels
        _, rung = counted_of(release)
        place = [feature.name for feature in plan.features].index(rung)
        values = inputs[:, place]
        if self.name == SHELVES:
            values = (values + 0.5) / len(plan.features[place].categories)
        return values, np.ones(len(values))

    def _check_sight(self, plan: Plan, span: float, materiality: float) -> None:
        """Refuse ends so close, or bins so wide, that a gap that matters could vanish in them."""
        widest = max(one.hi - one.lo for one in plan.features) / plan.whole(BINS, at_least=2, at_most=100)
        if span < NARROWEST * materiality or widest > WIDEST_BIN * materiality:
            raise MalformedError(
                f"ends lie at least {NARROWEST} times the materiality apart, and a bin is at most {WIDEST_BIN} times "
                "as wide: else a gap that matters could not be seen"
            )

    def _span(self, plan: Plan) -> float:
        """How far apart numbers can be, of a plan whose columns are of this kind."""
        names, gauges = [feature.name for feature in plan.features], GAUGES.get(self.name, ())
        if not plan.label:
            if not names or len({*names}) < len(names) or not {*names} <= {*gauges}:
                raise MalformedError(f"a site works {self.name} out by {', '.join(gauges) or 'no gauge'}; each once")
            if len({counted_of(release) for release in plan.releases}) < len(names) * len(plan.attributes):
                raise MalformedError("an audit that names a ladder counts each of its rungs by each attribute")
        elif len(names) != 1 or plan.label != names[0] + GIVEN or self.name == SHELVES:
            raise MalformedError("numbers that were taken in are one column, read with whether they are known")
        first = plan.features[0]
        if self.name == SHELVES:
            if first.kind != "categorical" or plan.settings.get(BINS) != len({*first.categories}):
                raise MalformedError("an audit of shelves names each of them once, and a bin for each")
            return 1.0
        if any(one.kind != "continuous" or not one.lo < one.hi for one in plan.features):
            raise MalformedError("members' numbers lie between two ends, the low one first")
        return min(one.hi - one.lo for one in plan.features)


MEASURES: Mapping[str, Measured] = {name: Measured(name) for name in KINDS}
