"""Counts of scores on the held-out part, noised at the site before anything leaves.

Each member is in one cell of each release, so discrete Laplace noise of scale 1/epsilon makes that release
epsilon-differentially private. Every site adds the full noise: without a secure sum the hub sees each site's table.

Never: returns, logs or keeps a raw count.
"""

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import UNLABELLED, code_scores, count
from federated.errors import Refusal, RefusedError
from federated.plan import Plan, Release
from federated.tables import catalogue_of, histogram_bins, layout_of
from privacy.mechanism import DiscreteLaplace
from privacy.noise import NoiseSource

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def noised_histogram(plan: Plan, release: Release, *, scores: Floats, labels: Floats, noise: NoiseSource) -> Integers:
    """Scores by label, flat, shape (2 * bins,): label 0 first.

    Args:
        plan: the plan in force.
        release: its histogram.
        scores: shape (members,), in [0, 1].
        labels: shape (members,), 0 or 1; members with NaN are in no cell.
        noise: the source.
    """
    bins = histogram_bins(plan)
    known = ~np.isnan(labels)
    bin_of = np.minimum((scores[known] * bins).astype(np.int64), bins - 1)
    cells = np.bincount(labels[known].astype(np.int64) * bins + bin_of, minlength=2 * bins)
    return _noised(release, cells, noise)


def noised_bins(plan: Plan, release: Release, *, values: Floats, noise: NoiseSource) -> Integers:
    """Numbers in [0, 1] by equal bins, shape (bins,): scores, or how good members' lists were.

    Args:
        plan: the plan in force.
        release: one of its `quality:` releases, or `scores`.
        values: shape (members,), in [0, 1]; members with NaN are in no cell.
        noise: the source.
    """
    bins = histogram_bins(plan)
    known = values[~np.isnan(values)]
    cells = np.bincount(np.minimum((known * bins).astype(np.int64), bins - 1), minlength=bins)
    return _noised(release, cells, noise)


def noised_items(plan: Plan, release: Release, *, values: Floats, noise: NoiseSource) -> Integers:
    """How often each item of a catalogue is the one that a member stands for, shape (items,).

    Args:
        plan: the plan in force.
        release: one of its `coverage:` releases.
        values: index of the item, shape (members,); members with NaN are in no cell.
        noise: the source.
    """
    known = values[~np.isnan(values)].astype(np.int64)
    return _noised(release, np.bincount(known, minlength=catalogue_of(plan, release)), noise)


def noised_table(
    plan: Plan, release: Release, *, scores: Floats, labels: Floats, groups: Integers, noise: NoiseSource
) -> Integers:
    """Groups x labels x bins, flat, in the order of `tables.layout_of`.

    Args:
        plan: the plan in force.
        release: one of its tables.
        scores: shape (members,), in [0, 1].
        labels: shape (members,), 0, 1 or NaN (counted as unlabelled).
        groups: shape (members,), codes of the attribute, the last one "not given".
        noise: the source.
    """
    layout = layout_of(plan, release)
    outcomes = np.where(np.isnan(labels), UNLABELLED, labels).astype(np.int64)
    table = count(layout, groups=groups, labels=outcomes, bins=code_scores(scores, layout))
    return _noised(release, table.cells.reshape(-1), noise)


def _noised(release: Release, cells: Integers, noise: NoiseSource) -> Integers:
    mechanism = release.mechanism
    if not isinstance(mechanism, DiscreteLaplace):
        raise RefusedError(Refusal.MALFORMED, "counts leave a site with discrete Laplace noise only")
    drawn = noise.discrete_laplace(cells.shape, epsilon=mechanism.epsilon, sensitivity=mechanism.sensitivity)
    return np.asarray(cells + drawn, dtype=np.int64)
