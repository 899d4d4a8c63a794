"""An audit as its author writes it: one YAML file, of which every problem is told at once.

    study: audit-vendor-2026-11
    title: The vendor's offer rule, autumn
    reason: The rule decides who gets offers; nobody has looked whether groups are treated alike.
    benefits: Members who are passed over without cause are found.
    accountable: head-of-marketing
    retention_days: 365
    closes: 2027-03-31
    country: TW
    sites: [sales, service]
    purpose: fairness-audit
    scopes: {demographics: Gaps between groups cannot be seen else.}
    attributes: {age_band: [18-34, 35-54, 55+]}
    model: <digest of a finished model>      # or, of somebody else's algorithm:
    decisions: {name: vendor_2026, maker: A vendor, version: 2026.10, files: {sales: <SHA-256>, service: <SHA-256>}}
    measure: {kind: answers, name: content_2026, maker: Service, version: 2026.10, files: {sales: <SHA-256>},
              low: 0.5, high: 5.5, bins: 5, materiality: 0.2}   # or one number for each member
    threshold: 0.5                           # optional, as are epsilon (of each table), bins, minimum_cohort, limits
    limits: {impact_ratio: 0.8}              # approved with the plan, they bind whoever judges

Law: an unknown key is refused, never ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from consent_center.studies.errors import StudyFileError
from consent_center.studies.study import Study
from consent_center.studies.yaml_mapping import key_problems, read_mapping
from federated.errors import FederatedError
from federated.models.audit_plan import EPSILON_TABLE, MINIMUM, audit_plan
from federated.models.decisions import Declaration, Measure
from federated.models.measures import KINDS
from federated.plan import Attribute, plan_bytes
from privacy.errors import PrivacyError

_TEXTS = ("study", "title", "reason", "benefits", "accountable", "country", "purpose")
_REQUIRED = {*_TEXTS, "retention_days", "closes", "sites", "scopes", "attributes"}
_OPTIONAL = {"model", "decisions", "measure", "threshold", "epsilon", "bins", "minimum_cohort", "limits"}
_DECISIONS = {"name", "maker", "version", "files"}
_MEASURE = {"kind", "low", "high", "bins", "materiality"}


@dataclass(frozen=True)
class AuditFile:
    """An audit file, read and in itself complete.

    Attributes:
        model: digest of a finished model of ours; empty if `decisions` are audited.
        decisions: of somebody else, or one number for each member; None if a model is audited.
        bins: of a table's scores; None for two, below and above the threshold.
        limits: names and values of `audit.fairness.verdict.Thresholds`.
    """

    study: str
    title: str
    reason: str
    benefits: str
    accountable: str
    retention_days: int
    closes: datetime
    country: str
    sites: tuple[str, ...]
    purpose: str
    scopes: Mapping[str, str]
    attributes: tuple[Attribute, ...]
    model: str
    decisions: Declaration | None
    threshold: float | None
    bins: int | None
    epsilon: float
    minimum_cohort: int
    limits: Mapping[str, float]


def read_audit_file(text: str) -> AuditFile:
    """Read an audit file.

    Raises:
        StudyFileError: with every problem that it has.
    """
    data = read_mapping(text, what="an audit file")
    problems = key_problems(data, required=_REQUIRED, known=_REQUIRED | _OPTIONAL)
    problems += [
        f"{name} is a text of 1 to 2000 characters" for name in _TEXTS if name in data and not _is_text(data[name])
    ]
    if len({"model", "decisions", "measure"} & set(data)) != 1:
        problems.append(
            "name a finished model by its digest, the decisions of somebody else, or a measure; one of these"
        )
    for name, good, what in (
        ("retention_days", _is_whole, "a whole number of days, 1 to 3650"),
        ("sites", _is_names, "a list of names"),
        ("scopes", _is_reasons, "each scope with its reason, in a sentence"),
        ("attributes", _is_groups, "each attribute with the list of its groups: {age_band: [18-34, 35+]}"),
        ("closes", _is_day, "a date such as 2027-03-31"),
        ("model", _is_text, "a digest"),
        ("decisions", _is_decisions, "name, maker, version and files (site: SHA-256)"),
        ("measure", _is_measure, f"name, maker, version, files, and {', '.join(sorted(_MEASURE))}"),
        ("threshold", _is_number, "a number"),
        ("bins", _is_whole, "a whole number"),
        ("epsilon", _is_number, "a number"),
        ("minimum_cohort", _is_whole, "a whole number"),
        ("limits", _is_limits, "names of limits with their numbers"),
    ):
        if name in data and not good(data[name]):
            problems.append(f"{name} is {what}")
    if problems:
        raise StudyFileError(tuple(problems))
    return _file(data)


def audit_study(file: AuditFile, *, package: bytes, author: str, organisation: str, at: datetime) -> Study:
    """The study of an audit as it would be filed now.

    Args:
        file: what was written.
        package: the finished model's bytes, or the declaration's.
        author: who files it; she cannot approve it.
        organisation: whose study it is.
        at: now.

    Raises:
        StudyFileError: the parts make no plan.
    """
    try:
        plan = audit_plan(
            study=file.study,
            country=file.country,
            sites=file.sites,
            purpose=file.purpose,
            scopes=tuple(file.scopes),
            attributes=file.attributes,
            package=package,
            threshold=file.threshold,
            bins=file.bins,
            limits=file.limits,
            epsilon_table=file.epsilon,
            minimum_cohort=file.minimum_cohort,
        )
    except (FederatedError, PrivacyError) as error:
        raise StudyFileError((str(error),)) from error
    return Study(
        id=file.study,
        title=file.title,
        author=author,
        organisation=organisation,
        accountable=file.accountable,
        reason=file.reason,
        benefits=file.benefits,
        retention_days=file.retention_days,
        plan=plan_bytes(plan),
        filed_at=at,
        closes_at=file.closes,
        necessity=file.scopes,
    )


def _file(data: Mapping[str, Any]) -> AuditFile:
    said, closes = data.get("decisions") or data.get("measure"), data["closes"]
    if not isinstance(closes, datetime):
        closes = datetime.combine(closes, time(), UTC)
    decisions = None
    if said is not None:
        measure = Measure(**{name: said[name] for name in _MEASURE}) if "measure" in data else None
        decisions = Declaration(said["name"], said["maker"], str(said["version"]), said["files"], measure)
    return AuditFile(
        **{name: data[name].strip() for name in _TEXTS},
        retention_days=data["retention_days"],
        closes=closes if closes.tzinfo else closes.replace(tzinfo=UTC),
        sites=tuple(data["sites"]),
        scopes={scope: why.strip() for scope, why in data["scopes"].items()},
        attributes=tuple(Attribute(name, tuple(groups)) for name, groups in data["attributes"].items()),
        model=data.get("model", ""),
        decisions=decisions,
        threshold=None if "threshold" not in data else float(data["threshold"]),
        bins=data.get("bins"),
        epsilon=float(data.get("epsilon", EPSILON_TABLE)),
        minimum_cohort=data.get("minimum_cohort", MINIMUM),
        limits=data.get("limits", {}),
    )


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= 2000


def _is_whole(value: object) -> bool:
    return type(value) is int and 1 <= value <= 10**9


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(one) for one in value)


def _is_reasons(value: object) -> bool:
    named = isinstance(value, dict) and bool(value)
    return named and all(_is_text(one) and len(one) >= 10 for one in value.values())  # type: ignore[attr-defined]


def _is_groups(value: object) -> bool:
    named = isinstance(value, dict) and bool(value)
    return named and all(_is_text(one) and _is_names(groups) for one, groups in value.items())  # type: ignore[attr-defined]


def _is_day(value: object) -> bool:
    return isinstance(value, date)


def _is_measure(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != _DECISIONS | _MEASURE:
        return False
    numbers = all(_is_number(value[name]) for name in ("low", "high", "materiality"))
    said = _is_decisions({name: value[name] for name in _DECISIONS})
    return numbers and said and _is_whole(value["bins"]) and value["kind"] in KINDS


def _is_decisions(value: object) -> bool:
    if not isinstance(value, dict) or set(value) != _DECISIONS or not isinstance(value["files"], dict):
        return False
    texts = [value["name"], value["maker"], str(value["version"]), *value["files"], *value["files"].values()]
    return all(_is_text(one) for one in texts)


def _is_limits(value: object) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and _is_number(one) for name, one in value.items())
