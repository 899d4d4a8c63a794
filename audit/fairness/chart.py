"""Intervals as inline SVG: a dot, its line, the limit as a shaded band; no script, no style, no id.

Widths and positions are percentages, as the design's `.gap` class expects, so that text around stays readable at any
width. Never a dot without its line; a gap without evidence has no picture. The numbers belong in the table beside it.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from audit.fairness.verdict import Gap, Measure, Thresholds

_MIDDLE = 14
"""Height of the line in pixels: half of the 28 that `.gap` is high."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One scale for all rows of a table, so that they can be compared by eye.

    Attributes:
        low: value at the left end; `high` at the right end.
        high: see `low`.
        none: the value that means no gap: 0 for differences, 1 for ratios.
        within: ends of the band within the limit, None if there is no limit.
        logarithmic: ratios are: .8 and 1.25 lie equally far from 1.
    """

    low: float
    high: float
    none: float
    within: tuple[float, float] | None
    logarithmic: bool

    def place(self, value: float) -> float:
        """Position of a value in per cent of the width, 0 to 100; beyond the ends it is held at the end."""
        if self.logarithmic:
            held = min(max(value, self.low), self.high)
            part = math.log(held / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return round(100 * min(max(part, 0.0), 1.0), 1)


def axis_for(gaps: Sequence[Gap], thresholds: Thresholds, *, materiality: float | None = None) -> Axis:
    """An axis on which all intervals fit: logarithmic for impact ratios, symmetric for differences.

    Args:
        gaps: what is drawn on it.
        thresholds: the limits.
        materiality: of differences in means, in their own unit; None for rates, whose limit the thresholds name.
    """
    drawn = [gap for gap in gaps if gap.low is not None and gap.high is not None]
    if any(gap.measure is Measure.IMPACT_RATIO for gap in drawn or gaps):
        limit = thresholds.impact_ratio
        lowest = min([limit**3, *(gap.low for gap in drawn if gap.low is not None)])
        highest = max([1 / limit, *(gap.high for gap in drawn if gap.high is not None)])
        return Axis(max(0.9 * lowest, 0.01), min(1.05 * highest, 100.0), 1.0, (limit, 1 / limit), logarithmic=True)
    farthest = max([0.0, *(max(abs(gap.low or 0), abs(gap.high or 0)) for gap in drawn)])
    limit_or_none = thresholds.difference if materiality is None else materiality
    span = _round_up(max(farthest, 2 * (limit_or_none or 0.05)))
    within = None if limit_or_none is None else (-limit_or_none, limit_or_none)
    return Axis(-span, span, 0.0, within, logarithmic=False)


def gap_svg(gap: Gap, axis: Axis, label: str) -> str:
    """One row's picture, or "" if there is nothing to show.

    Args:
        gap: what to draw.
        axis: the table's axis.
        label: says the finding in words, in the reader's language; for those who do not see the picture.
    """
    if gap.value is None or gap.low is None or gap.high is None:
        return ""
    parts = [f'<svg class="gap" role="img" aria-label="{html.escape(label, quote=True)}">']
    if axis.within is not None:
        left, right = (axis.place(end) for end in axis.within)
        parts.append(f'<rect class="zone" x="{left}%" width="{round(right - left, 1)}%" height="100%"/>')
        parts += [_upright(end) for end in (left, right)]
    parts.append(_upright(axis.place(axis.none), dashed=True))
    start, end, dot = axis.place(gap.low), axis.place(gap.high), axis.place(gap.value)
    parts.append(f'<line x1="{start}%" x2="{end}%" y1="{_MIDDLE}" y2="{_MIDDLE}"/>')
    parts.append(f'<circle cx="{dot}%" cy="{_MIDDLE}" r="4.5"/></svg>')
    return "".join(parts)


def signed(value: float, digits: int = 3) -> str:
    """A number as reports print it: sign first, a true minus, no zero before the point: "+.019", "−.008"."""
    return _pointed(f"{value:+.{digits}f}")


def unsigned(value: float, digits: int = 3) -> str:
    """A number without a sign as reports print it: ".426", "1.040"."""
    return _pointed(f"{value:.{digits}f}")


def _pointed(text: str) -> str:
    sign, rest = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    return sign.replace("-", "−") + (rest[1:] if rest.startswith("0.") else rest)


def _upright(place: float, *, dashed: bool = False) -> str:
    dash = ' stroke-dasharray="3 3"' if dashed else ""
    return f'<line class="zero" x1="{place}%" x2="{place}%" y1="0" y2="100%"{dash}/>'


def _round_up(span: float) -> float:
    """The next of 1, 2, 3, 5 and 10, times a power of ten."""
    unit = 10.0 ** math.floor(math.log10(span))
    return next(step * unit for step in (1, 2, 3, 5, 10) if span <= step * unit * (1 + 1e-9))
