"""Preference: which products and categories a member may like, from two rounds of noised sums.

    round 1   popularity:TASK   sum of x/|x|                     what everybody buys
    round 2   gram:TASK         sum of u uᵀ of residuals         what goes together beyond that
    hub       closed form (`residuals.solve`); no member vector ever exists outside her site
    site      lists from her own history (`ranking`)

A task is a feature of kind items. The weights are all popularities, then all matrices E, in the plan's order of tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from federated.errors import MalformedError
from federated.models import ranking, residuals
from federated.models.descent import noise_of
from federated.models.histories import Histories, departments
from federated.models.model import Vector
from federated.models.ranking import LENGTH, Learned
from federated.plan import Feature, Plan, Release
from federated.tables import COVERAGE, QUALITY, RECALL

POPULARITY, GRAM = "popularity:", "gram:"

LARGEST = 1e6
NEW, AGAIN = "new", "again"


@dataclass(frozen=True)
class Solving:
    """What the coordinator has so far: post-processing of noised sums."""

    plan: Plan
    members: int
    p: Mapping[str, Vector] = field(default_factory=dict)
    e: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True)
class Preference:
    """The noised Gram of residuals."""

    name: str = "preference"

    def check(self, plan: Plan) -> None:
        """Refuse a plan that does not describe these two rounds."""
        if not plan.features or any(one.kind != "items" or len(one.categories) < 2 for one in plan.features):
            raise MalformedError("a preference model needs features of kind items, each with a catalogue")
        expected = [head + one.name for head in (POPULARITY, GRAM) for one in plan.features]
        if [release.name for release in plan.releases_of("train")] != expected:
            raise MalformedError(f"a preference model releases {', '.join(expected)}, in this order")
        for release in plan.releases_of("train"):
            if noise_of(release).sensitivity < 1 or release.part != "train":
                raise MalformedError("sums of a preference model have sensitivity 1 and Gaussian noise, on train")
            if release.times < plan.max_attempts:
                raise MalformedError("the plan must price each attempt of each round")
        for one in plan.features:
            heads_of(plan, one)
            _usual_size(plan, one)
        periods(plan)
        ridge = plan.settings.get("ridge")
        if not isinstance(ridge, float) or not 0 < ridge < 1:
            raise MalformedError("a preference plan needs a ridge between 0 and 1")

    def rounds(self, plan: Plan) -> Sequence[tuple[Release, ...]]:
        """Popularities, then Grams."""
        trained = plan.releases_of("train")
        return [trained[: len(plan.features)], trained[len(plan.features) :]]

    def design(self, features: Sequence[Feature], values: Histories) -> Histories:  # noqa: ARG002
        """Histories are bounded as they are: sets."""
        return values

    def check_weights(self, plan: Plan, weights: Vector) -> None:
        """Nothing before round 1, popularities before round 2, everything afterwards."""
        items = sum(len(one.categories) for one in plan.features)
        pairs = sum(heads_of(plan, one) ** 2 for one in plan.features)
        if weights.shape not in {(0,), (items,), (items + pairs,)} or not (np.abs(weights) <= LARGEST).all():
            raise MalformedError("these are not weights of this preference model")
        popular = weights[:items]
        if not ((popular > 0) & (popular < 1)).all():
            raise MalformedError("popularities are between 0 and 1")

    def contribution(
        self,
        plan: Plan,
        release: Release,
        *,
        inputs: Histories,
        labels: Vector,  # noqa: ARG002  a preference model has none
        weights: Vector,
    ) -> Vector:
        """Round 1: shape (items,). Round 2: shape (heads·(heads + 1)/2,)."""
        head, _, name = release.name.partition(":")
        if head + ":" == POPULARITY:
            return residuals.units_sum(inputs.held[name])
        popular = _popularities(plan, weights)
        if name not in popular or len(popular[name]) == 0:
            raise MalformedError("the second round needs the popularities of the first")
        feature = next(one for one in plan.features if one.name == name)
        return residuals.gram(inputs.held[name], popular[name], count=heads_of(plan, feature))

    def coordinates(self, plan: Plan, release: Release) -> int:
        """How many numbers one of its releases has."""
        head, _, name = release.name.partition(":")
        feature = next(one for one in plan.features if one.name == name)
        count = heads_of(plan, feature)
        return len(feature.categories) if head + ":" == POPULARITY else count * (count + 1) // 2

    def start(self, plan: Plan, *, members: int) -> Solving:
        """Nothing is known."""
        return Solving(plan, members)

    def weights(self, state: Solving) -> Vector:
        """The popularities, once they are there."""
        known = [state.p[one.name] for one in state.plan.features if one.name in state.p]
        return np.concatenate(known) if known else np.zeros(0)

    def update(self, state: Solving, totals: Mapping[str, Vector]) -> Solving:
        """Popularities from round 1, matrices from round 2."""
        plan = state.plan
        if all(name.startswith(POPULARITY) for name in totals):
            sums = {one.name: _sized(totals[POPULARITY + one.name], len(one.categories)) for one in plan.features}
            sizes = {one.name: _usual_size(plan, one) for one in plan.features}
            return replace(state, p={name: residuals.popularity(v, usual_size=sizes[name]) for name, v in sums.items()})
        return replace(state, e={one.name: self._solved(state, one, totals[GRAM + one.name]) for one in plan.features})

    def finish(self, state: Solving) -> Vector:
        """Popularities and matrices."""
        return np.concatenate([self.weights(state), *(state.e[one.name].ravel() for one in state.plan.features)])

    def counted(
        self,
        plan: Plan,
        release: Release,
        *,
        inputs: Histories,
        labels: Vector,  # noqa: ARG002
        weights: Vector,
    ) -> tuple[Vector, Vector]:
        """How good each member's list was against what she bought next, NaN if she bought nothing; or what it shows.

        `quality:LIST:TASK` names the list, measured by NDCG@10, `quality:recall:TASK` measures "new to me" by recall,
        and an audit looks at the NDCG of the first task's "new to me". `coverage:TASK` gives one item of that list,
        as an index: the one at the place that the size of her own history names, so that no other member's data
        decides which.
        """
        kind, name = NEW, plan.features[0].name
        if release.name.startswith(QUALITY):
            kind, _, name = release.name.removeprefix(QUALITY).partition(":")
        elif release.name.startswith(COVERAGE):
            kind, name = COVERAGE, release.name.removeprefix(COVERAGE)
        learned = self.learned(plan, weights)[name]
        values = np.full(len(inputs), np.nan)
        for start in range(0, len(inputs), residuals.CHUNK):
            rows = slice(start, start + residuals.CHUNK)
            held, again, ahead = inputs.held[name][rows], inputs.again[name][rows], inputs.ahead[name][rows]
            if kind == AGAIN:
                values[rows] = ranking.ndcg(ranking.top(ranking.wanted_again(learned, held, again), LENGTH), ahead)
                continue
            lists = ranking.top(ranking.scores(learned, held, again)[0], LENGTH)
            if kind == COVERAGE:
                values[rows] = ranking.one_of(lists, np.diff(held.indptr))
            else:
                measure = ranking.recall if kind == RECALL else ranking.ndcg
                values[rows] = measure(lists, unseen(held, ahead))
        return values, np.where(np.isnan(values), np.nan, 1.0)

    def learned(self, plan: Plan, weights: Vector) -> dict[str, Learned]:
        """The finished model by task.

        Raises:
            MalformedError: weights of another model, or not finished.
        """
        items = sum(len(one.categories) for one in plan.features)
        self.check_weights(plan, weights)
        if len(weights) <= items:
            raise MalformedError("this preference model is not finished")
        popular, found, start = _popularities(plan, weights), {}, items
        for one in plan.features:
            count = heads_of(plan, one)
            e = weights[start : start + count * count].reshape(count, count)
            found[one.name] = Learned(popular[one.name], e, departments(one))
            start += count * count
        return found

    def _solved(self, state: Solving, feature: Feature, total: Vector) -> Vector:
        plan, count = state.plan, heads_of(state.plan, feature)
        noise = noise_of(next(one for one in plan.releases if one.name == GRAM + feature.name))
        # With a secure sum all sites give a share, and the honest ones' shares make up one full noise.
        carried = len(plan.sites) / (1 if plan.noise_mode == "local" else plan.quorum.honest)
        return residuals.solve(
            _sized(total, count * (count + 1) // 2),
            state.p[feature.name],
            count=count,
            std=noise.std * carried**0.5,
            members=state.members,
            ridge=float(plan.settings["ridge"]),
        )


def unseen(held: sparse.csr_array, ahead: sparse.csr_array) -> sparse.csr_array:
    """What she bought next and never before, shape (members, items)."""
    return sparse.csr_array(ahead - ahead.multiply(held))


def periods(plan: Plan) -> tuple[int, int]:
    """The last period of the past, and how many of the future an evaluation looks at."""
    return plan.whole("until", at_least=0), plan.whole("horizon", at_least=0)


def heads_of(plan: Plan, feature: Feature) -> int:
    """How many of the most popular items of a task are compared."""
    return plan.whole("heads:" + feature.name, at_least=2, at_most=len(feature.categories))


def _usual_size(plan: Plan, feature: Feature) -> float:
    size = plan.settings.get("basket:" + feature.name)
    if not isinstance(size, float) or not 0 < size < len(feature.categories):
        raise MalformedError(f"the plan needs the usual size of a set of {feature.name}, below its catalogue")
    return size


def _popularities(plan: Plan, weights: Vector) -> dict[str, Vector]:
    found, start = {}, 0
    for one in plan.features:
        found[one.name] = weights[start : start + len(one.categories)]
        start += len(one.categories)
    return found


def _sized(total: Vector, expected: int) -> Vector:
    if total.shape != (expected,):
        raise MalformedError("the sites' sums have another length than the model")
    return total


PREFERENCE = Preference()
