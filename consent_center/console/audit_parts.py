"""Two parts of an audit laid out for reading: means of members' numbers over time, and what could be done about a gap.

Pure, from noised counts alone, so it costs no further privacy. Remedies are offered, never applied: a plan of its own,
approved like any other, would have to name them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audit.fairness import metrics
from audit.fairness.chart import unsigned
from audit.fairness.counts import CountTable
from audit.fairness.evidence import lacks
from audit.fairness.means import Scale, means_of
from audit.fairness.mitigation import Effect, effect, equal_selection_thresholds, reweighting
from consent_center.web.catalogue import words
from consent_center.web.formats import Formats
from consent_center.workflows.show_audits import AuditPage
from federated.models.measures import SHELVES


@dataclass(frozen=True)
class MeanRow:
    """The mean of one group; texts are empty where there is too little evidence.

    Attributes:
        worst: the mean if everybody who is silent were at the lower end; `best` at the upper one.
        response: whole per cent of those asked whose number is known.
    """

    attribute: str
    group: str
    mean: str
    low: str
    high: str
    worst: str
    best: str
    response: int


@dataclass(frozen=True)
class TimeRow:
    """One audit of a series: when, what it said, and each group's figure, in the order of `groups`."""

    run: str
    day: str
    verdict: str
    figures: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class ThresholdRow:
    """What another threshold would change for one group; shares in whole per cent."""

    attribute: str
    group: str
    now: str
    then: str
    selected_now: int
    selected: int
    gained: str
    lost: str
    precision_now: str
    precision: str


@dataclass(frozen=True)
class WeightRow:
    """What reweighting would make a member of one group count in training, at most 1.

    Attributes:
        ones: weight of a member whose outcome came true; `zeros` of one whose did not.
        kept: whole per cent of all members' weight that the attribute's weights keep: the rest is the cost.
    """

    attribute: str
    group: str
    ones: str
    zeros: str
    kept: int


@dataclass(frozen=True)
class RungRow:
    """One rung of a ladder: its name, its verdict, and how often chance alone would part the groups so far."""

    name: str
    verdict: str
    chance: str


@dataclass(frozen=True)
class ShelfRow:
    """What one group is shown, shelf by shelf; `group` is empty for all members together. In whole per cent."""

    attribute: str
    group: str
    shares: Sequence[int]
    seen: int
    gini: str


def rung_rows(page: AuditPage, formats: Formats) -> list[RungRow]:
    """The rungs of a ladder that was fixed beforehand; empty where there is none."""
    return [
        RungRow(one["name"], one["verdict"], formats.number(round(float(one["p_value"]), 3)))
        for one in page.audit.report.get("ladder", [])
    ]


def shelf_rows(page: AuditPage) -> list[ShelfRow]:
    """What each group is shown, if shelves were audited."""
    return [
        ShelfRow(
            attribute=attribute.partition(":")[0],
            group=one["group"],
            shares=[round(100 * share) for share in one["shares"]],
            seen=round(100 * one["at_least"]),
            gini=unsigned(float(one["gini"]), 2),
        )
        for attribute, several in page.audit.report.get("attention", {}).items()
        for one in several
    ]


def mean_rows(page: AuditPage, formats: Formats) -> list[MeanRow]:
    """The means of members' numbers, group by group; empty if decisions or shelves were audited."""
    if page.scale is None or page.plan.model == SHELVES:
        return []
    rows = []
    for table in page.tables:
        found = means_of(table, _scale(page, table), page.limits)
        for index, group in enumerate(table.layout.groups):
            known = not np.isnan(found.mean[index])
            shown = [_figure(float(one[index]), formats) for one in (found.mean, found.low, found.high)] * known
            mean, low, high = shown or ("", "", "")
            rows.append(
                MeanRow(
                    attribute=counted_name(table.layout.attribute),
                    group=group,
                    mean=mean,
                    low=low,
                    high=high,
                    worst=_figure(float(found.worst[index]), formats),
                    best=_figure(float(found.best[index]), formats),
                    response=round(100 * float(found.response[index])),
                )
            )
    return rows


def time_rows(page: AuditPage, formats: Formats) -> list[TimeRow]:
    """The same figures in each audit of this model or number, this one last; empty if it is the first."""
    if not page.before or page.plan.model == SHELVES:
        return []
    series = [(one.run, one.counted_at, one.verdict, one.tables) for one in page.before]
    series.append((page.audit.run, page.counted_at, page.audit.verdict, page.tables))
    return [
        TimeRow(run, formats.day(when), verdict, [pair for table in tables for pair in _figures(page, table, formats)])
        for run, when, verdict, tables in series
    ]


def threshold_rows(page: AuditPage, formats: Formats) -> list[ThresholdRow]:
    """What a threshold for each group would change; empty where scores were only counted below and above one."""
    rows: list[ThresholdRow] = []
    for table in page.tables:
        if page.scale is not None or table.cells.shape[2] < 3:
            continue
        known = _known(page, table)
        effects = effect(table, equal_selection_thresholds(table))
        rows.extend(_threshold_row(table, one, formats) for one in effects if one.group in known)
    return rows


def weight_rows(page: AuditPage) -> list[WeightRow]:
    """What reweighting would do; empty for members' numbers and where no outcome is known."""
    rows = []
    for table in page.tables if page.scale is None else ():
        weights, known = reweighting(table), _known(page, table)
        counts = np.maximum(table.cells[:-1, :2, :].sum(axis=2), 0)
        kept = round(100 * float((weights * counts).sum() / max(counts.sum(), 1)))
        for index, group in enumerate(table.layout.groups):
            if group in known and np.any(weights):
                ones, zeros = (unsigned(float(weights[index, label]), 2) for label in (1, 0))
                rows.append(WeightRow(table.layout.attribute, group, ones, zeros, kept))
    return rows


def _threshold_row(table: CountTable, one: Effect, formats: Formats) -> ThresholdRow:
    return ThresholdRow(
        attribute=counted_name(table.layout.attribute),
        group=one.group,
        now=unsigned(table.layout.threshold, 2),
        then=unsigned(one.threshold, 2),
        selected_now=round(100 * one.selected_now),
        selected=round(100 * one.selected),
        gained=formats.number(one.gained),
        lost=formats.number(one.lost),
        precision_now="" if one.precision_now is None else unsigned(one.precision_now, 2),
        precision="" if one.precision is None else unsigned(one.precision, 2),
    )


def _figures(page: AuditPage, table: CountTable, formats: Formats) -> list[tuple[str, str]]:
    names = [f"{counted_name(table.layout.attribute)} {group}" for group in table.layout.groups]
    if page.scale is not None:
        found = means_of(table, _scale(page, table), page.limits)
        return [
            (name, "" if np.isnan(mean) else _figure(float(mean), formats))
            for name, mean in zip(names, found.mean, strict=False)
        ]
    known, percent = _known(page, table), words(formats.language)
    rates = metrics.selection(table).value
    return [
        (name, str(percent("console.percent", share=round(100 * float(rates[index])))) if group in known else "")
        for index, (name, group) in enumerate(zip(names, table.layout.groups, strict=True))
    ]


def _figure(value: float, formats: Formats) -> str:
    return formats.number(round(value, 3))


def counted_name(attribute: str) -> str:
    """What a table is of, as people read it: "age", or "age · price_week" on a rung of a ladder."""
    return attribute.replace(":", " · ")


def _scale(page: AuditPage, table: CountTable) -> Scale:
    """The ends of the number that a table counts: of its rung, if there is a ladder."""
    return page.scales[table.layout.attribute]


def _known(page: AuditPage, table: CountTable) -> set[str]:
    """Groups with enough members to print a figure of."""
    rates = metrics.selection(table)
    return {group for index, group in enumerate(table.layout.groups) if lacks(rates[index], page.limits) is None}
