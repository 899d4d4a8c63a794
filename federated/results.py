"""What the evaluation and the audit of a run come to: sums of noised counts, and what follows from them.

Everything here is post-processing of what the sites released, so it costs nothing and may be repeated.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import CountTable, discrete_laplace_variance
from audit.fairness.metrics import auc_from_histogram
from federated.errors import MalformedError
from federated.exchange import Output
from federated.plan import Plan, Release
from federated.tables import COVERAGE, QUALITY, SUPPORT, catalogue_of, histogram_bins, layout_of
from privacy.mechanism import DiscreteLaplace

Integers = npt.NDArray[np.int64]


def total_counts(release: Release, outputs: Sequence[Output], *, cells: int) -> Integers:
    """The sum over the sites of one release's noised counts.

    Raises:
        MalformedError: a site sent another number of cells, or numbers that are not whole; or there is no site.
    """
    if not outputs or any(
        output.shape != (cells,) or not np.issubdtype(output.dtype, np.integer) for output in outputs
    ):
        raise MalformedError(f"the sites do not agree on the cells of {release.name}")
    return np.asarray(np.sum(outputs, axis=0), dtype=np.int64)


class Total(list[Output]):
    """The one total of a secure sum, in place of one output per site.

    Attributes:
        copies: how many full noises it carries: the survivors' shares over the honest ones (`secure_sum.quorum`).
    """

    def __init__(self, total: Output, *, copies: float) -> None:
        super().__init__([total])
        self.copies = copies


def noise_variance(release: Release, outputs: Sequence[Output]) -> float:
    """Variance of the noise in one cell of the sum: every site added the full noise, unless it is a `Total`."""
    if not isinstance(release.mechanism, DiscreteLaplace):
        raise MalformedError("counts carry discrete Laplace noise")
    copies = outputs.copies if isinstance(outputs, Total) else len(outputs)
    return copies * discrete_laplace_variance(release.mechanism.epsilon / release.mechanism.sensitivity)


def histogram_result(plan: Plan, release: Release, outputs: Sequence[Output]) -> dict[str, Any]:
    """The held-out check: noised histogram by label, the AUC it gives, and its 95 % interval, as JSON data."""
    bins = histogram_bins(plan)
    negatives, positives = total_counts(release, outputs, cells=2 * bins).reshape(2, bins)
    variance = noise_variance(release, outputs)
    auc = auc_from_histogram(positives, negatives, variance)
    gap, spread = _calibration(positives, negatives, variance)
    return {
        "edges": [index / bins for index in range(bins + 1)],
        "negatives": negatives.tolist(),
        "positives": positives.tolist(),
        "noise_variance": variance,
        "auc": float(auc.value),
        "auc_interval": [float(auc.low), float(auc.high)],
        "calibration": gap,
        "calibration_interval": [gap - 1.96 * spread, gap + 1.96 * spread],
    }


def _calibration(positives: Integers, negatives: Integers, variance: float) -> tuple[float, float]:
    """Calibration in the large: the share that came true minus the mean score, and its standard error.

    Scores count as the middles of their bins, so it is exact to half a bin; the error counts noise and members.
    """
    middles = (np.arange(len(positives)) + 0.5) / len(positives)
    members = max(float(positives.sum() + negatives.sum()), 1.0)
    missed = np.concatenate([1 - middles, -middles])
    cells = np.concatenate([positives, negatives])
    gap = float(missed @ cells / members)
    return gap, float(((missed - gap) ** 2) @ (np.maximum(cells, 0) + variance)) ** 0.5 / members


def bins_result(plan: Plan, release: Release, outputs: Sequence[Output]) -> dict[str, Any]:
    """Numbers in [0, 1] (scores, or how good lists were): noised histogram, mean, its 95 % interval, as JSON data.

    The mean is of the middles of the bins, so it is exact to half a bin; the interval counts noise and members.
    """
    bins = histogram_bins(plan)
    cells = total_counts(release, outputs, cells=bins)
    variance = noise_variance(release, outputs)
    middles = (np.arange(bins) + 0.5) / bins
    members = max(float(cells.sum()), 1.0)
    mean = float(np.clip(cells @ middles / members, 0.0, 1.0))
    spread = float(((middles - mean) ** 2) @ (np.maximum(cells, 0) + variance)) ** 0.5 / members
    return {
        "cells": cells.tolist(),
        "noise_variance": variance,
        "mean": mean,
        "interval": [max(mean - 1.96 * spread, 0.0), min(mean + 1.96 * spread, 1.0)],
    }


def coverage_result(plan: Plan, release: Release, outputs: Sequence[Output]) -> dict[str, Any]:
    """Which share of a catalogue members are shown, as JSON data: an estimate from below, and the noised counts.

    An item counts as shown if its count stands three standard deviations of the noise above zero: one item in 700 that
    nobody is shown passes that by chance, and items shown to few do not.
    """
    cells = total_counts(release, outputs, cells=catalogue_of(plan, release))
    variance = noise_variance(release, outputs)
    return {
        "cells": cells.tolist(),
        "noise_variance": variance,
        "at_least": float(np.mean(cells > 3 * variance**0.5)),
    }


def table_result(plan: Plan, release: Release, outputs: Sequence[Output]) -> dict[str, Any]:
    """One attribute's noised table, as JSON data that `read_table` turns back."""
    layout = layout_of(plan, release)
    cells = total_counts(release, outputs, cells=int(np.prod(layout.shape)))
    return {
        "attribute": layout.attribute,
        "cells": cells.reshape(layout.shape).tolist(),
        "noise_variance": noise_variance(release, outputs),
    }


def run_results(plan: Plan, released: Mapping[str, Sequence[Output]]) -> dict[str, Any]:
    """Everything that a run's evaluation and audit released.

    Args:
        plan: the plan in force.
        released: release -> one noised output per site, or a `Total`.

    Returns:
        {"histogram", "quality": {list: ...}, "coverage": {task: ...}, "support": {feature: ...}: ... or absent,
        "tables": {attribute: ...}}, JSON data.
    """
    results: dict[str, Any] = {"tables": {}}
    for release in plan.releases:
        if release.name not in released:
            continue
        if release.kind == "evaluate" and release.name.startswith(QUALITY):
            quality = bins_result(plan, release, released[release.name])
            results.setdefault("quality", {})[release.name.removeprefix(QUALITY)] = quality
        elif release.kind == "evaluate" and release.name.startswith(COVERAGE):
            shown = coverage_result(plan, release, released[release.name])
            results.setdefault("coverage", {})[release.name.removeprefix(COVERAGE)] = shown
        elif release.kind == "evaluate" and release.name.startswith(SUPPORT):
            held = bins_result(plan, release, released[release.name])
            results.setdefault("support", {})[release.name.removeprefix(SUPPORT)] = held
        elif release.kind == "evaluate":
            results["histogram"] = histogram_result(plan, release, released[release.name])
        elif release.kind == "audit":
            table = table_result(plan, release, released[release.name])
            results["tables"][table["attribute"]] = table
    return results


def read_tables(plan: Plan, results: Mapping[str, Any]) -> tuple[CountTable, ...]:
    """The fairness tables of a run's results, ready for `audit.fairness`.

    Raises:
        MalformedError: the results are not of this plan.
    """
    try:
        return tuple(
            CountTable(
                layout_of(plan, release),
                np.asarray(found["cells"], dtype=np.int64),
                float(found["noise_variance"]),
            )
            for release in plan.releases_of("audit")
            for found in [results["tables"][layout_of(plan, release).attribute]]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedError("the results do not hold the tables of this plan") from error
