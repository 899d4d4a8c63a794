"""Whether warnings do any good, measured against a random holdout of consenting members.

They are scored like everybody, and not warned. Whose arm is which follows from a public hash, so nobody can choose it.

Source:
    Newcombe 1998, method 10, for the interval of a difference.
"""

import hashlib
import math
from dataclasses import dataclass
from typing import Literal

HOLDOUT_SHARE = 0.2
LEAST_PER_ARM = 1000
Z, Z_POWER = 1.959964, 0.841621


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
