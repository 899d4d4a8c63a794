"""What a site releases in a round: clipped sums and counts with noise, its own in full or its share of the sites'.

    local        total + N(0, std²), counts + discrete Laplace       each site's numbers may be seen
    secure sum   grid steps + discrete Gaussian share, counts + negative binomial share      only the total may be seen

Never: returns a number without noise.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from federated.canaries import joined
from federated.errors import Refusal, RefusedError
from federated.exchange import Output
from federated.models.decisions import Decisions
from federated.models.model import Exchange, Measuring
from federated.plan import Release
from federated.secure_sum.quantise import Integers, to_grid
from federated.site.counts import noised_bins, noised_histogram, noised_items, noised_table
from federated.site.order import Work
from federated.site.rows import MemberRows
from federated.tables import COVERAGE, QUALITY, SUPPORT, counted_of
from privacy.mechanism import DiscreteGaussian, Gaussian
from privacy.noise import NoiseSource, add_gaussian
from privacy.samplers import Floats, Shape

Vector = npt.NDArray[np.float64]


def local_outputs(
    work: Work, exchange: Exchange, rows: MemberRows, weights: Vector, *, noise: NoiseSource
) -> dict[str, Output]:
    """Release -> what this site may send as it is."""
    return {one.name: _local(work, one, rows, weights, noise) for one in exchange.releases}


def shared_outputs(
    work: Work, exchange: Exchange, rows: MemberRows, weights: Vector, *, members: int, noise: NoiseSource
) -> dict[str, Integers]:
    """Release -> integers with this site's share of the noise, which must leave under masks only.

    Args:
        work: the run, with shared noise.
        exchange: the round.
        rows: of the members who are used.
        weights: the model's.
        members: how many are used; their clip norms together bound each coordinate.
        noise: the source.
    """
    share = _Share(noise, parties=work.plan.quorum.honest)
    return {one.name: _shared(work, one, rows, weights, members, share) for one in exchange.releases}


@dataclass(frozen=True)
class _Share:
    """A source that draws one site's share wherever the whole noise is asked for."""

    noise: NoiseSource
    parties: int

    def gaussian(self, shape: Shape, std: float) -> Floats:  # noqa: ARG002  the protocol's
        """Continuous noise has no integer shares."""
        raise RefusedError(Refusal.MALFORMED, "continuous noise cannot be shared under masks")

    def discrete_gaussian(self, shape: Shape, std: float) -> Integers:
        """A share is priced as it is drawn."""
        return self.noise.discrete_gaussian(shape, std)

    def discrete_laplace(self, shape: Shape, *, epsilon: float, sensitivity: int = 1) -> Integers:
        """One of the shares that add up to discrete Laplace noise."""
        return self.noise.negative_binomial_share(shape, epsilon=epsilon, parties=self.parties, sensitivity=sensitivity)

    def negative_binomial_share(self, shape: Shape, *, epsilon: float, parties: int, sensitivity: int = 1) -> Integers:
        """The same."""
        return self.noise.negative_binomial_share(shape, epsilon=epsilon, parties=parties, sensitivity=sensitivity)

    def randomised_response(self, answers: Integers, *, epsilon: float, options: int) -> Integers:  # noqa: ARG002
        """Answers are never summed."""
        raise RefusedError(Refusal.MALFORMED, "answers are not released under masks")


def _local(work: Work, release: Release, rows: MemberRows, weights: Vector, noise: NoiseSource) -> Output:
    if release.kind != "train":
        return _counts(work, release, rows, weights, noise)
    if not isinstance(release.mechanism, Gaussian):
        raise RefusedError(Refusal.MALFORMED, "this site adds Gaussian noise to what it trains")
    total = _total(work, release, rows, weights)
    total = joined(work.plan, release, total, run=work.permit.run, site=work.cohort.header.site)
    return add_gaussian(total, std=release.mechanism.std, noise=noise)


def _shared(work: Work, release: Release, rows: MemberRows, weights: Vector, members: int, noise: _Share) -> Integers:
    if release.kind != "train":
        return np.asarray(_counts(work, release, rows, weights, noise), dtype=np.int64)
    mechanism = release.mechanism
    total = _total(work, release, rows, weights)
    if not isinstance(mechanism, DiscreteGaussian) or total.shape != (mechanism.coordinates,):
        raise RefusedError(Refusal.MALFORMED, "the plan prices another noise, or another number of coordinates")
    steps = to_grid(total, grid=mechanism.grid, most=members * mechanism.sensitivity)
    return steps + noise.discrete_gaussian(steps.shape, mechanism.share_std)


def _total(work: Work, release: Release, rows: MemberRows, weights: Vector) -> Vector:
    if isinstance(work.model, Measuring):
        return work.model.contribution_of(release, rows.measured, weights)
    inputs, labels = rows.labelled
    return work.model.contribution(work.plan, release, inputs=inputs, labels=labels, weights=weights)


def _counts(work: Work, release: Release, rows: MemberRows, weights: Vector, noise: NoiseSource) -> Integers:
    plan = work.plan
    values, labels = work.model.counted(plan, release, inputs=rows.inputs, labels=rows.labels, weights=weights)
    if release.name.startswith((QUALITY, SUPPORT)):
        return noised_bins(plan, release, values=values, noise=noise)
    if release.name.startswith(COVERAGE):
        return noised_items(plan, release, values=values, noise=noise)
    if release.kind == "evaluate":
        return noised_histogram(plan, release, scores=values, labels=labels, noise=noise)
    groups = rows.groups[counted_of(release)[0]]
    if isinstance(work.model, Decisions):
        decided = ~np.isnan(values)
        values, labels, groups = values[decided], labels[decided], groups[decided]
    scores = np.nan_to_num(values, nan=0.0)
    return noised_table(plan, release, scores=scores, labels=labels, groups=groups, noise=noise)
