"""What could be done about a gap, offered and never silent: what it would cost and whom it would help.

Both ways start from noised counts, so they cost no further privacy. Thresholds per group treat members of different
groups differently on purpose: a reviewer must find that lawful before they are used.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.errors import ThresholdsError
from audit.fairness.intervals import Numbers


@dataclass(frozen=True, slots=True)
class Effect:
    """What other thresholds would change in one group; noised numbers of members.

    Attributes:
        group: whose threshold it is.
        threshold: an edge of the bins.
        selected: share selected with it; `selected_now` without.
        selected_now: see `selected`.
        gained: members who would be selected and are not now; `lost` the reverse.
        lost: see `gained`.
        precision: share of the selected for whom the outcome comes true, None if nobody is selected; `precision_now`.
        precision_now: see `precision`.
    """

    group: str
    threshold: float
    selected: float
    selected_now: float
    gained: int
    lost: int
    precision: float | None
    precision_now: float | None


def equal_selection_thresholds(table: CountTable, *, target: float | None = None) -> dict[str, float]:
    """For each group the edge whose selection rate is nearest to the target.

    Args:
        table: noised counts.
        target: selection rate to aim at, 0 to 1; that of all groups together if None.

    Raises:
        ThresholdsError: the target is not a share.
    """
    if target is not None and not 0 <= target <= 1:
        raise ThresholdsError("the target must be a share between 0 and 1")
    bins = np.maximum(table.cells[:-1].sum(axis=1), 0).astype(float)
    cut = table.layout.cut
    everybody = bins.sum()
    aim = (bins[:, cut:].sum() / everybody if everybody > 0 else 0.0) if target is None else target
    found = {}
    for index, group in enumerate(table.layout.groups):
        size = bins[index].sum()
        # At edge b the bins from b on are selected.
        rates = [bins[index, b:].sum() / size if size > 0 else 0.0 for b in range(1, bins.shape[1])]
        # Of equally near edges the one nearest to today's threshold changes least.
        best = min(range(len(rates)), key=lambda b: (abs(rates[b] - aim), abs(b + 1 - cut)))
        found[group] = table.layout.edges[best + 1]
    return found


def effect(table: CountTable, thresholds: Mapping[str, float]) -> tuple[Effect, ...]:
    """What thresholds per group would change; groups without one keep theirs.

    Raises:
        ThresholdsError: a group or an edge that the table does not have.
    """
    inner = table.layout.edges[1:-1]
    if set(thresholds) - set(table.layout.groups) or any(edge not in inner for edge in thresholds.values()):
        raise ThresholdsError("thresholds per group need a group of the table and an inner edge of its bins")
    cells = np.maximum(table.cells, 0)
    now = metrics.selection(table)
    effects = []
    for index, group in enumerate(table.layout.groups):
        edge = thresholds.get(group, table.layout.threshold)
        cut, before = table.layout.edges.index(edge), table.layout.cut
        size = int(cells[index].sum())
        effects.append(
            Effect(
                group, edge,
                selected=float(cells[index, :, cut:].sum() / size) if size else 0.0,
                selected_now=float(now.value[index]) if size else 0.0,
                gained=int(cells[index, :, cut:before].sum()), lost=int(cells[index, :, before:cut].sum()),
                precision=_precision(cells[index], cut), precision_now=_precision(cells[index], before),
            )
        )  # fmt: skip
    return tuple(effects)


def reweighting(table: CountTable) -> Numbers:
    """Weights of members in training that make outcome and group independent, shape (groups, 2), each in [0, 1].

    w(g, y) = P(g) P(y) / P(g, y), divided by the largest: a member's clipped update times her weight still lies within
    the clipping bound, so the privacy charge does not change. Cells with no members get weight 0.

    Source:
        Kamiran, Calders 2012, "Data preprocessing techniques for classification without discrimination", section 4.2.
    """
    counts = np.maximum(table.cells[:-1, :2, :].sum(axis=2), 0).astype(float)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / max(counts.sum(), 1.0)
    weights = np.divide(expected, counts, out=np.zeros_like(counts), where=counts > 0)
    return np.asarray(weights / max(weights.max(), 1e-300) if np.any(weights > 0) else weights)


def _precision(cells: np.ndarray, cut: int) -> float | None:
    ones, zeros = float(cells[1, cut:].sum()), float(cells[0, cut:].sum())
    return ones / (ones + zeros) if ones + zeros > 0 else None
