"""Numbers to percentages: what the inline SVG of the report needs, so that its text stays HTML text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

RATIO_SHOWN_TO = 1.5


@dataclass(frozen=True)
class Curve:
    """A line over rounds.

    Attributes:
        points: for an SVG polyline in a box of 100 x 100, y growing downwards.
        low, high: the values at the bottom and the top of the box.
        first, last: the first and the last value.
    """

    points: str
    low: float
    high: float
    first: float
    last: float


@dataclass(frozen=True)
class Ratio:
    """An impact ratio with its interval, as shares in percent of an axis from 0 to 1.5; None where there is none."""

    gap: Mapping[str, Any]
    low: float | None
    value: float | None
    high: float | None
    limit: float


def curve(values: Sequence[float]) -> Curve:
    """Fit a line into its box."""
    low, high = min(values), max(values)
    height = (high - low) or 1.0
    width = max(len(values) - 1, 1)
    points = " ".join(
        f"{100 * index / width:.2f},{100 - 100 * (value - low) / height:.2f}" for index, value in enumerate(values)
    )
    return Curve(points, low, high, values[0], values[-1])


def ratio(gap: Mapping[str, Any], *, limit: float = 0.8) -> Ratio:
    """Fit an interval onto its axis; what lies beyond the axis stands at its end."""
    low, value, high = (_percent(gap[name]) for name in ("low", "value", "high"))
    return Ratio(gap, low, value, high, 100 * limit / RATIO_SHOWN_TO)


def _percent(value: float | None) -> float | None:
    return None if value is None else round(min(max(value / RATIO_SHOWN_TO, 0.0), 1.0) * 100, 2)
