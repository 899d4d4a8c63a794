"""The audit as a model card that other tools read: CycloneDX 1.6 ML-BOM, and metadata for a Hugging Face model card.

Only what was measured goes in: metrics with their slices and intervals, and for each group what the audit said. Serial
number and time are passed in; the same audit gives the same bytes.

Source:
    ECMA-424, CycloneDX 1.6, `component.modelCard`; huggingface_hub ModelCardData.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from audit.fairness.gaps import release_verdict
from audit.fairness.report import Json
from audit.fairness.verdict import Gap, Measure, Thresholds, Verdict
from audit.fairness.words import sentence


@dataclass(frozen=True, slots=True)
class Model:
    """What is said of the model itself.

    Attributes:
        name: of the model.
        version: of the model.
        digest: SHA-256 of the model's bytes, 64 hexadecimal digits; the audit is of exactly this model.
        task: for example "tabular-classification".
        uses: what it may be used for, in sentences.
        limits: known limits, in sentences.
        privacy: the exact privacy sentence generated for the model.
    """

    name: str
    version: str
    digest: str
    task: str
    uses: tuple[str, ...]
    limits: tuple[str, ...]
    privacy: str


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure that is not a gap, for example the held-out AUC with its interval."""

    name: str
    value: float
    low: float
    high: float


def cyclonedx(
    model: Model,
    judged: Sequence[Gap],
    shown: Sequence[Gap] = (),
    measured: Sequence[Measured] = (),
    *,
    serial: UUID,
    at: datetime,
) -> dict[str, Json]:
    """A CycloneDX 1.6 bill of materials with one machine-learning model and its card, ready for `json.dumps`.

    Args:
        model: what is said of it.
        judged: gaps that decide the verdict.
        shown: further gaps.
        measured: other figures.
        serial: number of this document.
        at: moment of the audit, timezone-aware.
    """
    metrics: list[Json] = [
        {
            "type": one.name,
            "value": f"{one.value:.4f}",
            "confidenceInterval": {"lowerBound": f"{one.low:.4f}", "upperBound": f"{one.high:.4f}"},
        }
        for one in measured
    ]
    metrics += [_metric(gap) for gap in (*judged, *shown) if gap.value is not None]
    card: dict[str, Json] = {
        "bom-ref": f"{model.digest}-card",
        "modelParameters": {"task": model.task},
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": {
            "useCases": list(model.uses),
            "technicalLimitations": [*model.limits, model.privacy],
            "fairnessAssessments": [_assessment(gap) for gap in (*judged, *shown) if gap.verdict is not None],
        },
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"timestamp": at.isoformat(timespec="seconds")},
        "components": [
            {
                "bom-ref": model.digest,
                "type": "machine-learning-model",
                "name": model.name,
                "version": model.version,
                "hashes": [{"alg": "SHA-256", "content": model.digest}],
                "modelCard": card,
                "properties": [{"name": "accord:audit:verdict", "value": str(release_verdict(judged))}],
            }
        ],
    }


def hugging_face(
    model: Model, judged: Sequence[Gap], shown: Sequence[Gap] = (), measured: Sequence[Measured] = (), *, dataset: str
) -> dict[str, Json]:
    """Front matter of a Hugging Face model card (`ModelCardData`): the same figures as `model-index` results.

    Args:
        model: what is said of it.
        judged: gaps that decide the verdict.
        shown: further gaps.
        measured: other figures.
        dataset: name of the data the audit counted, as it may be published.
    """
    figures = [(one.name, one.value) for one in measured]
    figures += [(f"{gap.measure} {_slice(gap)}", gap.value) for gap in (*judged, *shown) if gap.value is not None]
    results: list[Json] = [
        {
            "task": {"type": model.task},
            "dataset": {"name": dataset, "type": dataset},
            "metrics": [{"type": name, "value": round(value, 4)} for name, value in figures],
        }
    ]
    return {
        "pipeline_tag": model.task,
        "tags": ["accord", f"audit:{release_verdict(judged)}"],
        "model-index": [{"name": model.name, "results": results}],
    }


def selection_table(gaps: Sequence[Gap], thresholds: Thresholds) -> tuple[dict[str, Json], ...]:
    """Impact ratios in the layout of New York City's rule for automated employment decision tools.

    One row per group: category, number assessed, selection rate, impact ratio against the most selected category. The
    small groups' rows say why they have no figures.

    Source:
        Rules of the City of New York, title 6, section 5-301(b).
    """
    rows: list[dict[str, Json]] = []
    told: set[tuple[str, str]] = set()
    for gap in gaps:
        if gap.measure is not Measure.IMPACT_RATIO:
            continue
        if gap.reference is not None and (gap.attribute, gap.reference) not in told:
            told.add((gap.attribute, gap.reference))
            rows.append(_row(gap.attribute, gap.reference, gap.reference_members, gap.reference_rate, 1.0))
        if gap.verdict is Verdict.INSUFFICIENT:
            row = _row(gap.attribute, gap.group, None, None, None)
            rows.append({**row, "why": str(gap.reason), "fewer_than": thresholds.minimum_members})
        else:
            rows.append(_row(gap.attribute, gap.group, gap.members, gap.rate, gap.value))
    return tuple(rows)


def _row(attribute: str, group: str, assessed: int | None, rate: float | None, ratio: float | None) -> dict[str, Json]:
    return {
        "attribute": attribute, "category": group, "assessed": assessed, "selection_rate": rate, "impact_ratio": ratio
    }  # fmt: skip


def _metric(gap: Gap) -> Json:
    return {
        "type": str(gap.measure),
        "value": f"{gap.value:.4f}",
        "slice": _slice(gap),
        "confidenceInterval": {"lowerBound": f"{gap.low:.4f}", "upperBound": f"{gap.high:.4f}"},
    }


def _assessment(gap: Gap) -> Json:
    return {
        "groupAtRisk": f"{gap.attribute}: {gap.group}",
        "harms": f"{gap.verdict}: {sentence(gap)}",
    }


def _slice(gap: Gap) -> str:
    return f"{gap.attribute}: {gap.group} compared with {gap.reference}"
