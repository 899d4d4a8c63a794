"""An audit as data for JSON, and its sentences in plain words.

The strongest sentence is "no gap above X detectable at 80 % power among members who agreed to the audit".
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from audit.fairness import metrics
from audit.fairness.counts import CountTable
from audit.fairness.gaps import release_verdict
from audit.fairness.reach import reach
from audit.fairness.verdict import Gap, Measure, Reason, Thresholds, Verdict

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


def sentence(gap: Gap, *, power: float = 0.8) -> str:
    """What a gap says, in one English sentence; `power` is the plan's, that "detectable" means."""
    where = f"{gap.attribute}, {gap.group}"
    if gap.verdict is Verdict.INSUFFICIENT:
        return f"{where}: {_WHY_NOT[gap.reason]}"
    seen = _detectable(gap, f"{100 * power:.0f} % power")
    span = f"{gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f})"
    compared = f"{where} compared with {gap.reference}: {_NAMES[gap.measure]} {span}"
    match gap.verdict:
        case Verdict.PASS:
            return f"{compared}; within the limit; {seen} among members who agreed to the audit"
        case Verdict.FAIL:
            return f"{compared}; outside the limit, even at the end of the interval nearest to it"
        case Verdict.INCONCLUSIVE:
            return f"{compared}; the data cannot tell on which side of the limit it is"
        case _:
            return f"{compared}; {seen} among members who agreed to the audit"


_NAMES: Mapping[Measure, str] = {
    Measure.IMPACT_RATIO: "ratio of selection rates",
    Measure.SELECTION: "difference in selection",
    Measure.TRUE_POSITIVE_RATE: "difference in being found, of those it came true for",
    Measure.FALSE_POSITIVE_RATE: "difference in being selected in error",
    Measure.PRECISION: "difference in being right, of those selected",
    Measure.EQUALISED_ODDS: "largest difference in being found or selected in error",
    Measure.AUC: "difference in the quality of ranking (AUC)",
}

_WHY_NOT: Mapping[Reason, str] = {
    Reason.TOO_FEW_MEMBERS: "too few members agreed to the audit to say anything",
    Reason.MOSTLY_NOISE: "the noise is larger than what it hides; more members or a larger epsilon are needed",
    Reason.ONE_OUTCOME: "the model selects hardly anybody or nearly everybody; there is nothing to compare",
    Reason.NO_OTHER_GROUP: "no other group has enough members to compare with",
}


def _detectable(gap: Gap, power: str) -> str:
    if gap.detectable is None:
        return f"no gap of any size would have been detected at {power}"
    if gap.measure is Measure.IMPACT_RATIO:
        return f"no gap above {1 - gap.detectable:.1%} (a ratio of {gap.detectable:.3f}) detectable at {power}"
    if _covers_none(gap):
        return f"no gap above {gap.detectable:.3f} detectable at {power}"
    return f"smallest gap detectable at {power}: {gap.detectable:.3f}"


def _covers_none(gap: Gap) -> bool:
    return gap.low is not None and gap.high is not None and gap.low <= 0 <= gap.high


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
