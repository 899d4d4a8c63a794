"""Early warning without a model, and whether warnings do any good.

Two rules that need no training, as baseline and as fallback while no model is released:

    decay   7 days without a visit, 30 without adding to the basket, 60 without buying; only signals that a site has
    RFM     recency, frequency and money, a point for each third of a public range; 3 (lost) to 9 (best)

The effect of warnings is measured against a random holdout of consenting members: they are scored like everybody, and
not warned. Whose arm is which follows from a public hash, so nobody can choose it.

Source:
    Hughes 1994, "Strategic Database Marketing", for RFM. Newcombe 1998, method 10, for the interval of a difference.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DAYS: Mapping[str, int] = {"visit": 7, "add": 30, "buy": 60}
HOLDOUT_SHARE = 0.2
LEAST_PER_ARM = 1000
Z, Z_POWER = 1.959964, 0.841621


def decay(days_since: Mapping[str, Floats]) -> Floats:
    """Share of a site's signals that have gone silent, shape (members,), in [0, 1]; NaN where it has none.

    Args:
        days_since: signal -> days since it was last seen, NaN where unknown; signals other than `DAYS` are ignored.
    """
    known = {name: values for name, values in days_since.items() if name in DAYS}
    if not known:
        return np.full(len(next(iter(days_since.values()), np.zeros(0))), np.nan)
    silent = np.stack([np.where(np.isnan(v), np.nan, v >= DAYS[name]) for name, v in known.items()])
    seen = (~np.isnan(silent)).sum(axis=0)
    return np.asarray(np.where(seen > 0, np.nansum(silent, axis=0) / np.maximum(seen, 1), np.nan))


def rfm(recency: Floats, frequency: Floats, money: Floats) -> npt.NDArray[np.int64]:
    """RFM points, shape (members,), 3 to 9; unit values of public ranges, a missing one counts as the lowest.

    Args:
        recency: 0 just now, 1 longest ago.
        frequency: 0 never, 1 most often.
        money: 0 nothing, 1 most.
    """
    points = [np.nan_to_num(1 - recency, nan=0.0), np.nan_to_num(frequency, nan=0.0), np.nan_to_num(money, nan=0.0)]
    return np.asarray(sum(1 + (one >= 1 / 3).astype(np.int64) + (one >= 2 / 3) for one in points), dtype=np.int64)


def held_out(study: str, pseudonym: bytes, *, share: float = HOLDOUT_SHARE) -> bool:
    """Is she in the arm that is scored and not warned? The same for all runs of a study."""
    drawn = hashlib.sha256(b"accord/holdout/v1\n" + study.encode() + b"\n" + pseudonym).digest()
    return int.from_bytes(drawn[:8], "big") < share * 2**64


@dataclass(frozen=True)
class Effect:
    """What warnings did to the share of members who left.

    Attributes:
        verdict: INSUFFICIENT unless both arms have `LEAST_PER_ARM` and could have shown a difference of `material`.
        difference: share left among the warned minus among the holdout; None if INSUFFICIENT.
        interval: 95 %.
        detectable: the smallest difference that these arms would show with 80 % power.
    """

    verdict: Literal["LOWER", "HIGHER", "NO DIFFERENCE SHOWN", "INSUFFICIENT"]
    difference: float | None
    interval: tuple[float, float] | None
    detectable: float


def effect(*, warned: tuple[int, int], holdout: tuple[int, int], material: float = 0.05) -> Effect:
    """Compare the arms among members who were flagged.

    Args:
        warned: (members, how many of them left).
        holdout: the same of the arm that was not warned.
        material: the smallest difference that matters.
    """
    (n1, left1), (n0, left0) = warned, holdout
    if min(n1, n0) < 1:
        return Effect("INSUFFICIENT", None, None, math.inf)
    p1, p0 = left1 / n1, left0 / n0
    pooled = (left1 + left0) / (n1 + n0)
    detectable = (Z + Z_POWER) * math.sqrt(max(pooled * (1 - pooled), 1e-9) * (1 / n1 + 1 / n0))
    if min(n1, n0) < LEAST_PER_ARM or detectable > material:
        return Effect("INSUFFICIENT", None, None, detectable)
    low1, high1 = _wilson(left1, n1)
    low0, high0 = _wilson(left0, n0)
    difference = p1 - p0
    interval = (
        difference - math.hypot(p1 - low1, high0 - p0),
        difference + math.hypot(high1 - p1, p0 - low0),
    )
    verdict: Literal["LOWER", "HIGHER", "NO DIFFERENCE SHOWN"] = (
        "LOWER" if interval[1] < 0 else "HIGHER" if interval[0] > 0 else "NO DIFFERENCE SHOWN"
    )
    return Effect(verdict, difference, interval, detectable)


def _wilson(yes: int, n: int) -> tuple[float, float]:
    p, z2 = yes / n, Z * Z
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return middle - half, middle + half
