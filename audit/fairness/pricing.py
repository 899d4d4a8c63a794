"""Do loyal members, or big spenders, pay more for the same thing? Price parity, and who is offered what.

Prices are compared within cells in which they ought to be equal (product x week, then also store, then also shelf
price): the ladder is fixed before anybody looks, every rung is reported, and the verdict needs the rungs to agree.
Households shop many times, so errors are clustered by household; a permutation of tiers among households checks them.
This runs where the rows are, for a site's own auditors: an estimate carries no noise, and publishing it is a release
that a plan would have to price.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from audit.fairness.errors import CodingError, ThresholdsError
from audit.fairness.ladder import agreed
from audit.fairness.verdict import Thresholds, Verdict

Codes = npt.NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Rung:
    """One comparison of the ladder.

    Attributes:
        name: which cells, for example "product x week x store".
        gap: relative difference in price of the members compared, exp(beta) - 1; +.01 is 1 % more. None if no cell
            holds both kinds of member.
        low: lower end of the interval; `high` the upper one.
        high: see `low`.
        p_value: by permutation of households, None if not asked for or no estimate.
        lines: receipt lines in cells that hold both; `households` of theirs.
        households: see `lines`.
        verdict: PASS within the materiality, FAIL outside it, INCONCLUSIVE across, INSUFFICIENT without evidence.
    """

    name: str
    gap: float | None
    low: float | None
    high: float | None
    p_value: float | None
    lines: int
    households: int
    verdict: Verdict


def within_cells(values: npt.NDArray[np.float64], cells: Codes) -> npt.NDArray[np.float64]:
    """Values less the mean of their cell: what a fixed effect per cell leaves."""
    sizes = np.bincount(cells)
    sums = np.bincount(cells, weights=values)
    return np.asarray(values - (sums / np.maximum(sizes, 1))[cells])


def price_rung(
    name: str,
    *,
    prices: npt.ArrayLike,
    compared: npt.ArrayLike,
    households: Codes,
    cells: Codes,
    thresholds: Thresholds,
    tests: int = 1,
    materiality: float = 0.01,
    permutations: int = 0,
    rng: np.random.Generator | None = None,
) -> Rung:
    """Compare log prices of one tier of households with the others within cells.

    beta = sum x~ y~ / sum x~^2, with x~ and y~ freed of their cell's mean; the variance is the household-clustered
    sandwich times G/(G-1) * (N-1)/(N-K), K the cells and the slope; the interval uses Student's t with G - 1 degrees.

    Args:
        name: of the rung.
        prices: net price per unit of each receipt line, > 0.
        compared: whether the line's household is of the tier compared; the same for all lines of a household.
        households: code of each line's household, 0 to households - 1.
        cells: code of each line's cell.
        thresholds: alpha and minimum members (households of either kind).
        tests: rungs and tiers compared in the whole audit.
        materiality: the relative gap that matters, > 0.
        permutations: how often tiers are shuffled among households; 0 for no p-value.
        rng: of the permutations; needed if there are any.

    Raises:
        CodingError: columns that do not fit, a price that is not above 0, a household of both kinds.
        ThresholdsError: materiality not above 0, or permutations without a generator.

    Source:
        Liang, Zeger 1986 and Cameron, Miller 2015, "A practitioner's guide to cluster-robust inference", section II;
        Freedman, Lane 1983 for permuting under the null.
    """
    if materiality <= 0 or (permutations and rng is None):
        raise ThresholdsError("materiality must be above 0, and permutations need a generator")
    y, x = _columns(prices, compared, households, cells)
    keep = _mixed(x, cells)
    if not keep.any():
        return Rung(name, None, None, None, None, 0, 0, Verdict.INSUFFICIENT)
    y, x = y[keep], x[keep]
    who, cell = (np.unique(column[keep], return_inverse=True)[1] for column in (households, cells))
    count = int(who.max()) + 1
    free_y = within_cells(y, cell)
    beta, error = _slope(free_y, within_cells(x, cell), who, lines=len(y), effects=int(cell.max()) + 1)
    kinds = np.bincount(who, weights=x) > 0
    few = min(int(kinds.sum()), int((~kinds).sum())) < thresholds.minimum_members
    if few or not np.isfinite(error):
        return Rung(name, None, None, None, None, len(y), count, Verdict.INSUFFICIENT)
    reach = float(stdtrit(count - 1, 1 - thresholds.alpha / (2 * tests))) * error
    low, high = float(np.expm1(beta - reach)), float(np.expm1(beta + reach))
    p_value = _permuted(beta, free_y, kinds, who, cell, permutations, rng) if rng is not None and permutations else None
    return Rung(name, float(np.expm1(beta)), low, high, p_value, len(y), count, _verdict(low, high, materiality))


def ladder_verdict(rungs: Sequence[Rung]) -> Verdict:
    """One answer for the ladder: PASS or FAIL only if all rungs with evidence agree, INSUFFICIENT if none has any."""
    return agreed(rung.verdict for rung in rungs)


@dataclass(frozen=True, slots=True)
class RefusedCoupon:
    """Why a coupon was refused, in a word for the audit and in the words the member was told."""

    reason: str
    told: str


def untrue_reasons(refused: Sequence[RefusedCoupon], words: Mapping[str, str]) -> tuple[RefusedCoupon, ...]:
    """Refusals in which the member was not told the true reason (or one for which there are no words).

    Args:
        refused: what happened and what was said.
        words: the wording of each true reason.
    """
    return tuple(one for one in refused if words.get(one.reason) != one.told)


def _columns(
    prices: npt.ArrayLike, compared: npt.ArrayLike, households: Codes, cells: Codes
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    money, tier = np.asarray(prices, dtype=float), np.asarray(compared)
    if money.ndim != 1 or not (money.shape == tier.shape == households.shape == cells.shape):
        raise CodingError("prices, tiers, households and cells need one value for each receipt line")
    if not np.all(np.isfinite(money) & (money > 0)):
        raise CodingError("a net price must be a finite number above 0; leave out lines paid wholly by coupons")
    x = tier.astype(bool).astype(float)
    if len(x):
        share = np.bincount(households, weights=x) / np.maximum(np.bincount(households), 1)
        if np.any((share > 0) & (share < 1)):
            raise CodingError("a household is in both tiers; fix its tier before the period compared")
    return np.log(money), x


def _mixed(x: npt.NDArray[np.float64], cells: Codes) -> npt.NDArray[np.bool_]:
    """Lines in cells that hold both kinds; the others say nothing about the gap."""
    if not len(x):
        return np.zeros(0, dtype=bool)
    ones, sizes = np.bincount(cells, weights=x), np.bincount(cells)
    return np.asarray(((ones > 0) & (ones < sizes))[cells])


def _slope(
    y: npt.NDArray[np.float64], x: npt.NDArray[np.float64], who: Codes, *, lines: int, effects: int
) -> tuple[float, float]:
    """Slope and its household-clustered error; infinite where no degree of freedom is left."""
    square = float(x @ x)
    households = int(who.max()) + 1
    free = lines - effects - 1
    if square <= 0 or households < 2 or free < 1:
        return 0.0, float("inf")
    beta = float(x @ y) / square
    scores = np.bincount(who, weights=x * (y - beta * x))
    correction = households / (households - 1) * (lines - 1) / free
    return beta, float(np.sqrt(correction * float(scores @ scores)) / square)


def _permuted(
    beta: float,
    y: npt.NDArray[np.float64],
    kinds: npt.NDArray[np.bool_],
    who: Codes,
    cell: Codes,
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Share of shuffles of tiers among households whose gap is at least as large; at least 1/(permutations + 1)."""
    larger = 0
    for _ in range(permutations):
        x = within_cells(rng.permutation(kinds)[who].astype(float), cell)
        square = float(x @ x)
        larger += square > 0 and abs(float(x @ y) / square) >= abs(beta)
    return (larger + 1) / (permutations + 1)


def _verdict(low: float, high: float, materiality: float) -> Verdict:
    if low > materiality or high < -materiality:
        return Verdict.FAIL
    if -materiality <= low and high <= materiality:
        return Verdict.PASS
    return Verdict.INCONCLUSIVE
