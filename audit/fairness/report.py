"""An audit as data for JSON, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.errors import ReportError
from audit.fairness.gaps import release_verdict
from audit.fairness.reach import reach
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict
from audit.fairness.words import sentence

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]


def gap_as_json(gap: Gap, *, power: float = 0.8) -> dict[str, Json]:
    """A gap with its sentence; numbers are null where there was too little evidence."""
    return {**asdict(gap), "sentence": sentence(gap, power=power)}


def audit_report(
    tables: Sequence[CountTable], judged: Sequence[Gap], shown: Sequence[Gap] = (), *, thresholds: Thresholds
) -> dict[str, Json]:
    """Everything an audit found, ready for `json.dumps`.

    Args:
        tables: the noised tables that were judged.
        judged: gaps that decide the verdict.
        shown: further gaps.
        thresholds: the plan's limits, repeated in the report.
    """
    tests = max((gap.tests for gap in judged), default=1)
    return {
        "verdict": release_verdict(judged),
        "thresholds": dict(asdict(thresholds)),
        "tables": [_table_as_json(table) for table in tables],
        "judged": [gap_as_json(gap, power=thresholds.power) for gap in judged],
        "shown": [gap_as_json(gap, power=thresholds.power) for gap in shown],
        "reach": [asdict(reach(table, thresholds, tests=tests)) for table in tables],
        "among": "members who agreed to the audit",
    }


def gap_from_json(data: Mapping[str, object]) -> Gap:
    """Read a gap of a stored report back, to draw it or to put it into words.

    Raises:
        ReportError: something is missing, of another kind, or not a number.
    """
    try:
        verdict, others = data["verdict"], _number(data, "reference_members")
        return Gap(
            attribute=str(data["attribute"]),
            measure=Measure(str(data["measure"])),
            group=str(data["group"]),
            reference=None if data["reference"] is None else str(data["reference"]),
            members=int(_number(data, "members") or 0),
            reference_members=None if others is None else int(others),
            rate=_number(data, "rate"),
            reference_rate=_number(data, "reference_rate"),
            value=_number(data, "value"),
            low=_number(data, "low"),
            high=_number(data, "high"),
            detectable=_number(data, "detectable"),
            noise_share=_number(data, "noise_share") or 0.0,
            p_value=_number(data, "p_value"),
            tests=int(_number(data, "tests") or 1),
            verdict=None if verdict is None else Verdict(str(verdict)),
            reason=Reason(str(data["reason"])),
        )
    except (KeyError, ValueError) as wrong:
        raise ReportError(f"this is not a gap of an audit report: {wrong}") from wrong


def _number(data: Mapping[str, object], name: str) -> float | None:
    value = data[name]
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ReportError(f"{name} of a gap is not a number")
    return float(value)


def _table_as_json(table: CountTable) -> dict[str, Json]:
    selected = metrics.selection(table)
    return {
        "attribute": table.layout.attribute,
        "threshold": table.layout.threshold,
        "noise_variance": table.noise_variance,
        "groups": [
            {
                "group": group,
                "members": max(round(float(selected.yes[index] + selected.no[index])), 0),
                "selected": float(selected.value[index]) if selected.total[index] > 0 else None,
            }
            for index, group in enumerate(table.layout.all_groups)
        ],
    }
