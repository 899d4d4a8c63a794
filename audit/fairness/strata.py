"""Intersections and conditional comparisons, from one table whose groups are pairs.

A member is in one cell of the crossed table, so an intersection or a comparison within strata costs one epsilon, not
one per stratum. An intersection ("women of 65 and over") is judged like any group. A conditional comparison asks: would
the gap remain if both groups had the same mix of strata (contracts, spend tiers)?
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import CountTable, Integers, Layout
from audit.fairness.errors import CodingError, TableMismatchError
from audit.fairness.evidence import enough
from audit.fairness.intervals import Numbers, Rate, z_value
from audit.fairness.verdict import Thresholds

JOIN = " × "


def cross_layout(first: Layout, second: Layout) -> Layout:
    """The table of all pairs of groups; bins and threshold are the first's.

    Raises:
        TableMismatchError: the two do not share bins and threshold.
    """
    if (first.edges, first.threshold) != (second.edges, second.threshold):
        raise TableMismatchError("only tables of the same bins and threshold can be crossed")
    groups = tuple(f"{a}{JOIN}{b}" for a in first.groups for b in second.groups)
    return Layout(f"{first.attribute}{JOIN}{second.attribute}", groups, first.edges, first.threshold)


def cross_codes(first: Integers, second: Integers, layouts: tuple[Layout, Layout]) -> npt.NDArray[np.uint16]:
    """Codes of the crossed table; who did not give both values gave none.

    Raises:
        CodingError: columns of different lengths.
    """
    if first.shape != second.shape:
        raise CodingError("the two attributes have different numbers of members")
    sizes = [len(layout.groups) for layout in layouts]
    known = (first < sizes[0]) & (second < sizes[1])
    return np.where(known, first.astype(np.uint16) * sizes[1] + second, math.prod(sizes)).astype(np.uint16)


def split(crossed: CountTable, groups: Layout, strata: Sequence[str]) -> dict[str, CountTable]:
    """One table of the first attribute for each stratum of a crossed table.

    Members without both values appear in none of them.

    Raises:
        TableMismatchError: the crossed table was not made of these groups and strata.
    """
    expected = tuple(f"{a}{JOIN}{b}" for a in groups.groups for b in strata)
    if crossed.layout.groups != expected:
        raise TableMismatchError("the crossed table was not made of these groups and strata, in this order")
    cells = crossed.cells[:-1].reshape(len(groups.groups), len(strata), *crossed.layout.shape[1:])
    none = np.zeros((1, *crossed.layout.shape[1:]), dtype=np.int64)
    return {
        stratum: CountTable(groups, np.concatenate([cells[:, index], none]), crossed.noise_variance)
        for index, stratum in enumerate(strata)
    }


@dataclass(frozen=True, slots=True)
class Conditional:
    """Two groups compared as if both had the same mix of strata.

    Attributes:
        difference: of the standardised rates, with `difference_low` to `difference_high`; None if no stratum had
            enough members of both groups. Likewise `ratio`, None also if the reference is never selected.
        used: strata that entered; `left_out` those with too few members of either group.
        share_used: share of the members of both groups who are in the strata that entered.
    """

    difference: float | None
    difference_low: float | None
    difference_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    used: tuple[str, ...]
    left_out: tuple[str, ...]
    share_used: float


def conditional(rates: dict[str, tuple[Rate, Rate]], thresholds: Thresholds, *, tests: int = 1) -> Conditional:
    """Compare two groups within strata by direct standardisation to the strata's joint sizes.

    p* = sum_s w_s p_s with w_s the share of stratum s among the members used; Var = sum_s w_s^2 V_s.

    Args:
        rates: for each stratum the rate of the group and of the reference, single rates.
        thresholds: alpha, and the evidence a stratum needs.
        tests: comparisons of the whole audit.

    Source:
        Rothman, Greenland, Lash 2008, "Modern Epidemiology", chapter 15.
    """
    used = tuple(s for s, (a, b) in rates.items() if bool(enough(a, thresholds)) and bool(enough(b, thresholds)))
    left_out = tuple(s for s in rates if s not in used)
    sizes = {s: float(a.total + b.total) for s, (a, b) in rates.items()}
    everybody = sum(sizes.values())
    share = sum(sizes[s] for s in used) / everybody if everybody > 0 else 0.0
    if not used:
        return Conditional(None, None, None, None, None, None, used, left_out, share)
    weights = np.array([sizes[s] for s in used]) / sum(sizes[s] for s in used)
    p1, v1 = _standardised([rates[s][0] for s in used], weights)
    p0, v0 = _standardised([rates[s][1] for s in used], weights)
    z = z_value(thresholds.alpha, tests)
    apart, reach = p1 - p0, z * math.sqrt(v1 + v0)
    if p1 <= 0 or p0 <= 0:
        return Conditional(apart, apart - reach, apart + reach, None, None, None, used, left_out, share)
    spread = math.exp(min(z * math.sqrt(v1 / p1**2 + v0 / p0**2), 700.0))
    of = p1 / p0
    return Conditional(apart, apart - reach, apart + reach, of, of / spread, of * spread, used, left_out, share)


def _standardised(rates: Sequence[Rate], weights: Numbers) -> tuple[float, float]:
    values, variances = (np.array([float(getattr(rate, name)) for rate in rates]) for name in ("value", "variance"))
    return float(weights @ values), float(weights**2 @ variances)
