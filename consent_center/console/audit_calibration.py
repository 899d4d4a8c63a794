"""Do estimates come true as often as they say, in each group? Laid out for reading, from noised counts alone. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audit.fairness.calibration import calibration
from audit.fairness.chart import unsigned
from consent_center.workflows.show_audits import AuditPage

FEWEST_BINS = 5
"""With wider bins their own width would look like an error."""


@dataclass(frozen=True)
class CalibrationRow:
    """One group; texts are empty where too few outcomes are known.

    Attributes:
        said: whole per cent that the estimates promise on average; `came` whole per cent that came true.
        error: mean distance between the two over the bins, what chance and noise make of it taken off.
        off: whether it is more than chance, noise and the width of the bins explain.
    """

    attribute: str
    group: str
    said: str
    came: str
    error: str
    off: bool


def calibration_rows(page: AuditPage) -> Sequence[CalibrationRow]:
    """Each group of each table; empty for members' numbers, and where scores were counted in few wide bins."""
    rows = []
    for table in page.tables if page.scale is None else ():
        bins = len(table.layout.edges) - 1
        if bins < FEWEST_BINS:
            continue
        found, edges = calibration(table), np.asarray(table.layout.edges)
        counts = np.maximum(table.cells[:, :2, :].sum(axis=1), 0)
        ones = np.maximum(table.cells[:, 1, :].sum(axis=1), 0)
        alpha = page.limits.alpha / len(table.layout.groups)
        for at, group in enumerate(table.layout.groups):
            total = float(counts[at].sum())
            if found.members_low[at] < page.limits.minimum_members or total < 1:
                rows.append(CalibrationRow(table.layout.attribute, group, "", "", "", off=False))
                continue
            said = float((counts[at] * (edges[1:] + edges[:-1]) / 2).sum()) / total
            error = max(float(found.error[at]), 0.0)
            off = float(found.p_value[at]) < alpha and error > 0.5 / bins
            came = float(ones[at]) / total
            rows.append(
                CalibrationRow(
                    table.layout.attribute, group, f"{100 * said:.0f}", f"{100 * came:.0f}", unsigned(error), off=off
                )
            )
    return rows
