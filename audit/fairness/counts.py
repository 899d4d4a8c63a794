"""One table per attribute: groups x label x score bin; one member is in exactly one cell.

Invariant: adding or removing one member changes one cell by one (L1 sensitivity 1), so discrete Laplace noise of scale
1/epsilon on every cell makes the whole table epsilon-differentially private. A member who gave no value is counted in
the group "not given", one without an outcome under "unlabelled": nobody who consented is left out, nobody is twice in.

A decision is "selected" if score >= threshold, and the threshold is an edge between two bins, so that the table alone
knows who was selected.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.fairness.errors import (
    CodingError,
    LayoutError,
    RepeatedMemberError,
    TableMismatchError,
    ThresholdOffEdgeError,
)

NOT_GIVEN = "not given"
LABELS = ("0", "1", "unlabelled")
UNLABELLED = 2
_CHUNK_ROWS = 1 << 16
_MOST = 10_000

Integers = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a signed audit plan says about one table, before anybody counts.

    Attributes:
        attribute: what the groups are groups of, for example "age".
        groups: the values a member may have given, in the order of the table's first axis; "not given" follows them.
        edges: edges of the score bins, strictly increasing; bin b is [edges[b], edges[b+1]), the last one closed.
        threshold: scores at or above it are selected; an inner edge.
    """

    attribute: str
    groups: tuple[str, ...]
    edges: tuple[float, ...]
    threshold: float

    def __post_init__(self) -> None:
        if not self.groups or len(set(self.groups)) != len(self.groups) or NOT_GIVEN in self.groups:
            raise LayoutError(f"groups of {self.attribute} must be distinct, at least one, and not {NOT_GIVEN!r}")
        steps = np.diff(np.asarray(self.edges, dtype=float))
        if len(self.edges) < 3 or not np.all(np.isfinite(self.edges)) or not np.all(steps > 0):
            raise LayoutError("edges must be finite and strictly increasing, with at least two bins")
        if max(len(self.edges), len(self.groups)) > _MOST:
            raise LayoutError(f"a table holds at most {_MOST} groups and as many edges; choose wider ones")
        if self.threshold not in self.edges[1:-1]:
            raise ThresholdOffEdgeError(self.threshold, self.edges)

    @property
    def all_groups(self) -> tuple[str, ...]:
        """The groups of the first axis, "not given" last."""
        return (*self.groups, NOT_GIVEN)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(groups with "not given", labels, bins)."""
        return len(self.groups) + 1, len(LABELS), len(self.edges) - 1

    @property
    def cut(self) -> int:
        """Index of the first selected bin."""
        return self.edges.index(self.threshold)


@dataclass(frozen=True, slots=True, eq=False)
class CountTable:
    """Counts of one attribute, raw (noise variance 0, never leaves a site) or noised.

    Attributes:
        layout: the axes.
        cells: whole numbers, shape `layout.shape`; noise may have made some negative.
        noise_variance: variance of the noise in each cell, all noisy shares together.
    """

    layout: Layout
    cells: npt.NDArray[np.int64]
    noise_variance: float = 0.0

    def __post_init__(self) -> None:
        if self.cells.shape != self.layout.shape or not np.issubdtype(self.cells.dtype, np.integer):
            raise TableMismatchError(
                f"cells of {self.layout.attribute} must be whole numbers of shape {self.layout.shape}, "
                f"not {self.cells.dtype} of shape {self.cells.shape}"
            )
        if not (self.noise_variance >= 0 and math.isfinite(self.noise_variance)):
            raise TableMismatchError("the noise variance of a cell must be a finite number, at least 0")

    def noised(self, noise: npt.NDArray[np.int64], *, variance: float) -> "CountTable":
        """The table with noise added to each cell.

        Args:
            noise: whole numbers, same shape as the cells, drawn by the caller from a cryptographic source.
            variance: variance of one of them, > 0.
        """
        if noise.shape != self.cells.shape:
            raise TableMismatchError(f"noise has shape {noise.shape}, the table {self.cells.shape}")
        return CountTable(self.layout, self.cells + noise, self.noise_variance + variance)


def discrete_laplace_variance(epsilon: float) -> float:
    """Variance of discrete Laplace noise of scale 1/epsilon: 2 e^-epsilon / (1 - e^-epsilon)^2.

    Args:
        epsilon: price of the table, > 0. At 1 the variance is 1.84; every site that adds its full noise adds this much.

    Source:
        Ghosh, Roughgarden, Sundararajan 2012, "Universally utility-maximizing privacy mechanisms", section 2.
    """
    if not (epsilon > 0 and math.isfinite(epsilon)):
        raise LayoutError("epsilon must be a finite number above 0")
    return 0.5 / math.sinh(epsilon / 2) ** 2


def code_groups(values: Sequence[str | None], layout: Layout) -> npt.NDArray[np.uint16]:
    """Codes of given values; None means that the member gave none.

    Raises:
        CodingError: a value that the plan does not name. It is not moved to "not given" in silence.
    """
    codes: dict[str | None, int] = {group: code for code, group in enumerate(layout.groups)}
    codes[None] = len(layout.groups)
    try:
        return np.fromiter((codes[value] for value in values), dtype=np.uint16, count=len(values))
    except KeyError as unknown:
        raise CodingError(
            f"{layout.attribute} has a value the plan does not name; "
            f"map it to one of {', '.join(layout.groups)} or to none"
        ) from unknown


def code_bands(values: npt.ArrayLike, starts: Sequence[float], layout: Layout) -> npt.NDArray[np.uint16]:
    """Codes of numbers cut into bands; NaN means that the member gave none.

    Args:
        values: shape (members,), for example ages in years.
        starts: lowest value of each band, increasing; band i is [starts[i], starts[i+1]), the last one open.
        layout: names one group for each band.

    Raises:
        CodingError: a value below the first band, or not one start for each group.
    """
    numbers = np.asarray(values, dtype=float)
    if len(starts) != len(layout.groups) or list(starts) != sorted(set(starts)):
        raise CodingError(f"{layout.attribute} needs {len(layout.groups)} increasing starts of bands")
    given = ~np.isnan(numbers)
    if np.any(numbers[given] < starts[0]):
        raise CodingError(f"{layout.attribute} has a value below {starts[0]:g}, the start of its first band")
    codes = np.searchsorted(np.asarray(starts, dtype=float), numbers, side="right") - 1
    return np.where(given, codes, len(layout.groups)).astype(np.uint16)


def code_scores(scores: npt.ArrayLike, layout: Layout) -> npt.NDArray[np.uint16]:
    """Bin of each score; a score on an edge belongs to the bin above it, so `score >= threshold` is exact.

    Raises:
        CodingError: a score that is not a number or lies off the bins.
    """
    numbers = np.asarray(scores)
    edges = np.asarray(layout.edges, dtype=float)
    if numbers.size and not (np.min(numbers) >= edges[0] and np.max(numbers) <= edges[-1]):
        raise CodingError(f"a score is not a number from {edges[0]:g} to {edges[-1]:g}; the plan's bins end there")
    return np.minimum(np.searchsorted(edges, numbers, side="right") - 1, len(edges) - 2).astype(np.uint16)


def code_labels(labels: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Codes of outcomes: 0, 1, and "unlabelled" for NaN.

    Raises:
        CodingError: an outcome that is neither 0, 1 nor missing.
    """
    numbers = np.asarray(labels, dtype=float)
    missing = np.isnan(numbers)
    if not np.all(missing | (numbers == 0) | (numbers == 1)):
        raise CodingError("an outcome is neither 0, 1 nor missing")
    return np.where(missing, UNLABELLED, numbers).astype(np.uint8)


def refuse_repeats(members: Sequence[str] | npt.NDArray[np.str_]) -> None:
    """Refuse rows in which a member appears twice: the noise is priced for one cell per member.

    Raises:
        RepeatedMemberError: with the number of rows too many.
    """
    repeated = len(members) - len(set(members))
    if repeated:
        raise RepeatedMemberError(repeated)


def count(layout: Layout, *, groups: Integers, labels: Integers, bins: Integers) -> CountTable:
    """Count coded rows, one row per member.

    Args:
        layout: the plan's table.
        groups: shape (members,), 0 to number of groups; the last code is "not given".
        labels: shape (members,), 0, 1 or 2 (unlabelled).
        bins: shape (members,), 0 to number of bins - 1.

    Returns:
        The raw table. It is for the site alone: add noise before anything leaves.

    Raises:
        CodingError: columns of different lengths, or a code off its axis.
    """
    columns = [np.asarray(column) for column in (groups, labels, bins)]
    rows = columns[0].shape[0]
    if any(column.shape != (rows,) or not np.issubdtype(column.dtype, np.integer) for column in columns):
        raise CodingError("groups, labels and bins must be whole numbers, one of each per member")
    size = math.prod(layout.shape)
    cells = np.zeros(size, dtype=np.int64)
    for start in range(0, rows, _CHUNK_ROWS):
        part = [column[start : start + _CHUNK_ROWS] for column in columns]
        for column, length in zip(part, layout.shape, strict=True):
            if column.max() >= length or column.min() < 0:
                raise CodingError(f"a code of {layout.attribute} is off the table of shape {layout.shape}")
        flat = part[0].astype(np.intp)
        for column, length in zip(part[1:], layout.shape[1:], strict=True):
            flat *= length
            flat += column
        cells += np.bincount(flat, minlength=size)
    return CountTable(layout, cells.reshape(layout.shape))


def sum_tables(tables: Iterable[CountTable]) -> CountTable:
    """Add the tables of several sites; the variances of their independent noises add too.

    Raises:
        TableMismatchError: no table, or tables of different layouts.
    """
    parts = list(tables)
    if not parts:
        raise TableMismatchError("no table arrived; there is nothing to add")
    if any(part.layout != parts[0].layout for part in parts):
        raise TableMismatchError("tables of different layouts cannot be added; every site counts by the same plan")
    cells = np.asarray(np.sum([part.cells for part in parts], axis=0), dtype=np.int64)
    return CountTable(parts[0].layout, cells, sum(part.noise_variance for part in parts))
