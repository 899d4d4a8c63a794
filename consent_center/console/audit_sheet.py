"""An audit laid out for reading: rows, pictures, bars and facts, in one language; for the console, a file or a PDF.

Pure: what `show_audit` found becomes what a template prints; nothing is judged here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from audit.fairness.chart import Axis, axis_for, gap_svg, signed, unsigned
from audit.fairness.missing import bounds_if_known, coverage
from audit.fairness.reach import reach
from audit.fairness.verdict import Gap, Measure, Thresholds
from audit.fairness.words import UNSIGNED, measure_name, sentence
from consent_center.console.audit_calibration import CalibrationRow, calibration_rows
from consent_center.console.audit_parts import (
    MeanRow,
    RungRow,
    ShelfRow,
    ThresholdRow,
    TimeRow,
    WeightRow,
    counted_name,
    mean_rows,
    rung_rows,
    shelf_rows,
    threshold_rows,
    time_rows,
    weight_rows,
)
from consent_center.web.catalogue import words
from consent_center.web.formats import Formats
from consent_center.web.house import House
from consent_center.web.languages import Language
from consent_center.web.pages import environment
from consent_center.workflows.show_audits import AuditPage, signature_of

_STATIC = Path(__file__).parent.parent / "web" / "static"
MARKS = {
    "PASS": ("good", "is-good"),
    "FAIL": ("stop", "is-stop"),
    "INCONCLUSIVE": ("diamond", "is-hold"),
    "INSUFFICIENT": ("few", ""),
}


@dataclass(frozen=True)
class Row:
    """One comparison as a table shows it.

    Attributes:
        picture: its interval, empty if there is too little evidence.
        members: with noise; "< 50" if there are too few to say.
        verdict: empty if it is shown without deciding.
        shares: of 100 members of the group and of the one beside it, how many are selected; for ratios of selection.
    """

    attribute: str
    group: str
    reference: str
    measure: str
    members: str
    picture: Markup
    value: str
    low: str
    high: str
    verdict: str
    sentence: str
    detectable: str = ""
    shares: tuple[int, int] | None = None


@dataclass(frozen=True)
class GroupReach:
    """What the audit could have seen of one group."""

    attribute: str
    group: str
    failing: str
    more: str
    turns: str
    low: str
    high: str


@dataclass(frozen=True)
class Sheet:
    """Everything a report prints besides its words.

    Attributes:
        agreed: whole per cent of the members enrolled at these sites who agreed to the audit.
        given: attribute -> whole per cent of those in the audit who gave it.
        noise: whole per cent of the variance that is noise, at most.
        means: of members' numbers, group by group; empty for decisions. `times`: the same in earlier audits.
        rungs: of a ladder; `shelves` what each group is shown, if that was audited.
        calibrations: whether estimates come true, group by group; empty where bins are too wide to tell.
        thresholds: what thresholds per group would change; `weights` what reweighting would; both only offered.
        signed: for each override the digest of its signature; empty if it is not her signature over exactly this.
    """

    page: AuditPage
    judged: Sequence[Row]
    shown: Sequence[Row]
    axis: Axis
    tests: int
    level: str
    power: str
    agreed: int
    given: dict[str, int]
    reach: Sequence[GroupReach]
    noise: int
    signed: Sequence[str]
    means: Sequence[MeanRow]
    rungs: Sequence[RungRow]
    shelves: Sequence[ShelfRow]
    times: Sequence[TimeRow]
    calibrations: Sequence[CalibrationRow]
    thresholds: Sequence[ThresholdRow]
    weights: Sequence[WeightRow]
    marks: dict[str, tuple[str, str]]


def sheet_of(page: AuditPage, formats: Formats, *, beside: AuditPage | None = None) -> Sheet:
    """Lay an audit out in the reader's language.

    Args:
        page: the audit.
        formats: of the reader's language.
        beside: another audit that stands beside it: both are then drawn on one axis, if they measure the same.
    """
    limits, language = page.limits, formats.language.value
    material = None if page.scale is None else page.scale.materiality
    drawn = [*page.judged, *(beside.judged if beside is not None and beside.scale == page.scale else ())]
    axis, other = axis_for(drawn, limits, materiality=material), axis_for(page.shown, limits)
    tests = max((gap.tests for gap in page.judged), default=1)
    return Sheet(
        page=page,
        judged=[_row(gap, axis, limits, formats, language) for gap in page.judged],
        shown=[_row(gap, other, limits, formats, language) for gap in page.shown],
        axis=axis,
        tests=tests,
        level=f"{100 * (1 - limits.alpha):g}",
        power=f"{100 * limits.power:.0f}",
        agreed=round(100 * page.agreed / page.enrolled) if page.enrolled else 0,
        given={counted_name(table.layout.attribute): round(100 * coverage(table).share) for table in page.tables},
        reach=[one for table in page.tables for one in _reach(page, table.layout.attribute, formats, tests)],
        noise=round(100 * max((gap.noise_share for gap in page.judged), default=0.0)),
        signed=[signature_of(one) for one in page.overrides],
        means=mean_rows(page, formats),
        rungs=rung_rows(page, formats),
        shelves=shelf_rows(page),
        times=time_rows(page, formats),
        calibrations=calibration_rows(page),
        thresholds=threshold_rows(page, formats),
        weights=weight_rows(page),
        marks=MARKS,
    )


def report_html(page: AuditPage, language: Language, house: House) -> str:
    """The report as one file: no script, nothing loaded from elsewhere; the same page makes the PDF."""
    formats = Formats(language=language, zone=house.zone)
    style = "\n".join((_STATIC / name).read_text(encoding="utf-8") for name in ("tokens.css", "accord.css"))
    return (
        environment()
        .get_template("console/audits/document.html")
        .render(
            t=words(language),
            f=formats,
            lang=language,
            house=house,
            style=Markup(style),  # noqa: S704  our own style sheets
            sheet=sheet_of(page, formats),
        )
    )


def _row(gap: Gap, axis: Axis, limits: Thresholds, formats: Formats, language: str) -> Row:
    number = unsigned if gap.measure in UNSIGNED else signed
    said = sentence(replace(gap, attribute=counted_name(gap.attribute)), power=limits.power, language=language)
    few = gap.members < limits.minimum_members
    return Row(
        attribute=counted_name(gap.attribute),
        group=gap.group,
        reference=gap.reference or "",
        measure=measure_name(gap.measure, language),
        members=f"< {limits.minimum_members}" if few else formats.number(gap.members),
        picture=Markup(gap_svg(gap, axis, said)),  # noqa: S704  drawn from numbers, its label escaped
        value="" if gap.value is None else number(gap.value),
        low="" if gap.low is None else number(gap.low),
        high="" if gap.high is None else number(gap.high),
        verdict="" if gap.verdict is None else str(gap.verdict),
        sentence=said,
        detectable="" if gap.detectable is None else unsigned(gap.detectable),
        shares=_of_hundred(gap),
    )


def _of_hundred(gap: Gap) -> tuple[int, int] | None:
    if gap.measure is not Measure.IMPACT_RATIO or gap.rate is None or gap.reference_rate is None:
        return None
    return round(100 * gap.rate), round(100 * gap.reference_rate)


def _reach(page: AuditPage, attribute: str, formats: Formats, tests: int) -> list[GroupReach]:
    table = next(one for one in page.tables if one.layout.attribute == attribute)
    found = {one.group: one for one in reach(table, page.limits, tests=tests).groups}
    lines = []
    for group in table.layout.groups:
        one, bounds = found.get(group), bounds_if_known(table, group)
        if found and one is None:
            continue
        lines.append(
            GroupReach(
                attribute=counted_name(attribute),
                group=group,
                failing="" if one is None or one.failing_ratio is None else unsigned(one.failing_ratio),
                more="" if one is None or not one.more_members else formats.number(one.more_members),
                turns="" if one is None or one.turns_at is None or one.turns_at <= 1 else f"{one.turns_at:.1f}",
                low=unsigned(bounds.low),
                high=unsigned(bounds.high),
            )
        )
    return lines
