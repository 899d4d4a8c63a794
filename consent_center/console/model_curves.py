"""The curves of a smooth model as pictures and rows: one line per feature, shaded where it rests on no member.

Pure. Positions are percentages, so that text around a picture stays readable at any width; the numbers stand in the
table beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup, escape

from audit.fairness.chart import signed
from consent_center.web.formats import Formats
from federated.models.shapes import Stretch

_ROOM = 8.0
"""Per cent of the height left free above and below the line."""


@dataclass(frozen=True)
class Rung:
    """One stretch of a range as a table shows it; `held` is "yes", "no" or "unknown"."""

    low: str
    high: str
    adds: str
    held: str


@dataclass(frozen=True)
class Curve:
    """What one feature adds along its public range.

    Attributes:
        least, most: the smallest and the largest that it adds.
        picture: without its name; the page gives it one.
        bare: how many stretches certainly rest on hardly anybody; None if nobody counted.
    """

    feature: str
    low: str
    high: str
    least: str
    most: str
    picture: Markup
    rungs: Sequence[Rung]
    bare: int | None


def curves_of(stretches: Sequence[Stretch], formats: Formats) -> list[Curve]:
    """The curves, in the order of the plan, all drawn to one scale so that they can be compared by eye."""
    span = max((abs(one.log_odds) for one in stretches), default=0.0) or 1.0
    return [_curve(name, list(some), span, formats) for name, some in groupby(stretches, key=lambda one: one.feature)]


def _curve(name: str, some: Sequence[Stretch], span: float, formats: Formats) -> Curve:
    adds, counted = [one.log_odds for one in some], [one.supported for one in some if one.supported is not None]
    return Curve(
        feature=name,
        low=formats.number(some[0].low),
        high=formats.number(some[-1].high),
        least=signed(min(adds), 2),
        most=signed(max(adds), 2),
        picture=_picture(some, span),
        rungs=[
            Rung(
                formats.number(round(one.low, 2)),
                formats.number(round(one.high, 2)),
                signed(one.log_odds, 2),
                {True: "yes", False: "no", None: "unknown"}[one.supported],
            )
            for one in some
        ],
        bare=counted.count(False) if counted else None,
    )


def _picture(some: Sequence[Stretch], span: float) -> Markup:
    low, whole = some[0].low, some[-1].high - some[0].low
    parts = []
    for one in some:
        left, right = (100 * (end - low) / whole for end in (one.low, one.high))
        if one.supported is False:
            parts.append(f'<rect class="band" x="{left:.1f}%" width="{right - left:.1f}%" height="100%"/>')
    parts.append('<line class="axis" x1="0" x2="100%" y1="50%" y2="50%"/>')
    points = " ".join(
        f"{100 * ((one.low + one.high) / 2 - low) / whole:.1f},{50 - (50 - _ROOM) * one.log_odds / span:.1f}"
        for one in some
    )
    parts.append(
        '<svg width="100%" height="100%" viewBox="0 0 100 100" preserveAspectRatio="none">'
        f'<polyline points="{escape(points)}"/></svg>'
    )
    return Markup("".join(parts))  # noqa: S704  drawn from numbers alone
