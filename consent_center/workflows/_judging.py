"""From the noised tables of a completed run to a report and a verdict. Not a workflow itself."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from audit.fairness.counts import CountTable
from audit.fairness.differences import differences
from audit.fairness.gaps import comparisons, judge, release_verdict
from audit.fairness.ladder import agreed, judge_ladder
from audit.fairness.means import Scale, judge_means
from audit.fairness.report import audit_report
from audit.fairness.shelves import attention, judge_shelves
from audit.fairness.verdict import Gap, Thresholds, Verdict
from consent_center.storage.runs import Outcome
from consent_center.workflows._auditing import scale_of
from federated.models.measures import SHELVES
from federated.plan import Plan, digest
from federated.results import read_tables
from federated.signed import encode


def judged(plan: Plan, outcome: Outcome, limits: Thresholds) -> tuple[dict[str, Any], Verdict]:
    """The report of a run's tables, ready for JSON, and the one word of it."""
    tables = read_tables(plan, outcome.results)
    tests = sum(comparisons(table) for table in tables)
    if scales := scales_of(plan, tables):
        return _numbers(plan, tables, scales, limits, tests=tests)
    gaps = [gap for table in tables for gap in judge(table, limits, tests=tests)]
    shown = [gap for table in tables for gap in differences(table, limits)]
    return {**audit_report(tables, gaps, shown, thresholds=limits)}, release_verdict(gaps)


def _numbers(
    plan: Plan, tables: Sequence[CountTable], scales: Mapping[str, Scale], limits: Thresholds, *, tests: int
) -> tuple[dict[str, Any], Verdict]:
    shelves = plan.model == SHELVES
    found: list[tuple[CountTable, Sequence[Gap]]] = [
        (
            table,
            judge_shelves(table, scales[table.layout.attribute].materiality, limits, tests=tests)
            if shelves
            else judge_means(table, scales[table.layout.attribute], limits, tests=tests),
        )
        for table in tables
    ]
    gaps = [gap for _, several in found for gap in several]
    report = {**audit_report(tables, gaps, thresholds=limits), "scale": asdict(next(iter(scales.values())))}
    if shelves:
        seen = {table.layout.attribute: [asdict(one) for one in attention(table)] for table in tables}
        return {**report, "shelves": list(plan.features[0].categories), "attention": seen}, release_verdict(gaps)
    if plan.label:
        return report, release_verdict(gaps)
    rungs: dict[str, list[tuple[CountTable, Sequence[Gap]]]] = {}
    for table, several in found:
        rungs.setdefault(rung_of(table), []).append((table, several))
    # Seeded from what was counted: anybody who has the tables can draw the same permutations.
    rng = np.random.default_rng(int(digest(encode(_seed(tables)))[:16], 16))
    ladder = judge_ladder(rungs, {rung_of(table): scales[table.layout.attribute] for table in tables}, rng)
    verdict = agreed(rung.verdict for rung in ladder)
    report["ladder"] = [asdict(rung) for rung in ladder]
    return {**report, "verdict": verdict}, verdict


def scales_of(plan: Plan, tables: Sequence[CountTable]) -> dict[str, Scale]:
    """The scale of each table of members' numbers, by what it is a table of; empty if decisions were audited."""
    return {table.layout.attribute: scale for table in tables if (scale := scale_of(plan, rung_of(table)))}


def rung_of(table: CountTable) -> str:
    """Which rung of a ladder a table counts; empty without one."""
    return table.layout.attribute.partition(":")[2]


def _seed(tables: Sequence[CountTable]) -> dict[str, Any]:
    """What permutations are seeded from."""
    return {table.layout.attribute: table.cells.tolist() for table in tables}
