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
              low: 0.5, high: 5.5, bins: 5, materiality: 0.2}   # or one number for each member, taken in as a file
    measure: {kind: prices, name: prices_2026, maker: Accord, version: 1, bins: 10, materiality: 0.01,
              ladder: {price_week: [-0.1, 0.1], price_shelf: [-0.4, 0]}}   # or worked out by each site, by gauges
    threshold: 0.5                           # optional, as are epsilon (of each table), bins, minimum_cohort, limits
    limits: {impact_ratio: 0.8}              # approved with the plan, they bind whoever judges

Law: an unknown key is refused, never ignored.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from audit.fairness.errors import ThresholdsError
from audit.fairness.verdict import Thresholds
from consent_center.studies.asked import Asked, read_asked, study_of
from consent_center.studies.errors import StudyFileError
from consent_center.studies.study import Study
from consent_center.studies.yaml_mapping import key_problems
from consent_center.studies.yaml_values import Problems, names_of, number_of, text_of, whole_of
from federated.errors import FederatedError
from federated.models.audit_plan import EPSILON_TABLE, MINIMUM, audit_plan
from federated.models.decisions import Declaration, Measure
from federated.models.measures import GAUGES, KINDS, SHELVES
from federated.plan import Attribute
from privacy.errors import PrivacyError

_REQUIRED = {"sites", "attributes"}
_OPTIONAL = {"model", "decisions", "measure", "threshold", "epsilon", "bins", "minimum_cohort", "limits"}
_WHO = {"name", "maker", "version"}
_SCALE = {"low", "high"}
LIMITS = tuple(one.name for one in fields(Thresholds))
"""Names of the limits of verdicts that a plan may fix."""


@dataclass(frozen=True, kw_only=True)
class AuditFile(Asked):
    """An audit file, read and in itself complete.

    Attributes:
        model: digest of a finished model of ours; empty if `decisions` are audited.
        decisions: of somebody else, or one number for each member; None if a model is audited.
        bins: of a table's scores; None for two, below and above the threshold.
        limits: names and values of `audit.fairness.verdict.Thresholds`.
    """

    sites: tuple[str, ...]
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
    data, values, problems = read_asked(text, what="an audit file", required=_REQUIRED, optional=_OPTIONAL)
    values["sites"] = names_of(data, "sites", problems)
    values["attributes"] = _attributes(data.get("attributes"), problems)
    if len({"model", "decisions", "measure"} & set(data)) != 1:
        problems.add("name a finished model by its digest, the decisions of somebody else, or a measure; one of these")
    values["model"] = text_of(data, "model", problems) if "model" in data else ""
    values["decisions"] = _declared(data, problems)
    values["threshold"] = number_of(data, "threshold", 0.0, 1.0, problems) if "threshold" in data else None
    values["bins"] = whole_of(data, "bins", 2, 100, problems) if "bins" in data else None
    values["epsilon"] = number_of(data, "epsilon", 0.0, 100.0, problems) if "epsilon" in data else EPSILON_TABLE
    least = whole_of(data, "minimum_cohort", 1, 10**9, problems) if "minimum_cohort" in data else MINIMUM
    values["minimum_cohort"] = least
    values["limits"] = _limits(data.get("limits", {}), problems)
    file = AuditFile(**values)
    if wrong := (*problems.found, *([] if problems.found else _uncounted(file))):
        raise StudyFileError(wrong)
    return file


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
    return study_of(file, plan, author=author, organisation=organisation, at=at)


def _attributes(value: Any, problems: Problems) -> tuple[Attribute, ...]:
    if not isinstance(value, dict) or not value:
        if value is not None:
            problems.add("attributes name each attribute with its groups: {age_band: [18-34, 35+]}")
        return ()
    return tuple(Attribute(str(name), names_of(value, name, problems)) for name in value)


def _limits(value: Any, problems: Problems) -> Mapping[str, float]:
    if not isinstance(value, dict) or not all(type(one) in (int, float) for one in value.values()):
        problems.add("limits are names of limits with their numbers")
        return {}
    problems.found += (wrong := key_problems(value, required=set(), known={*LIMITS}, where="limits."))
    try:
        Thresholds(**({} if wrong else value))
    except ThresholdsError as error:
        problems.add(f"limits: {error}")
    return value


def _uncounted(file: AuditFile) -> tuple[str, ...]:
    """What the sites could not count, although each part by itself is well formed."""
    found = [f"attribute {one.name} needs two groups to compare" for one in file.attributes if len(one.groups) < 2]
    declared = file.decisions
    if declared is not None and not (declared.measure and declared.measure.ladder):
        named, sites = {*declared.files}, {*file.sites}
        found += [f"no file of site {one} is named: each site counts the file that it took in" for one in sites - named]
        found += [f"a file of {one} is named, which is no site of this audit" for one in named - sites]
    return tuple(sorted(found))


def _declared(data: Mapping[str, Any], problems: Problems) -> Declaration | None:
    """The decisions or the measure that a file declares; None if it names neither, or says it wrongly."""
    what = next((name for name in ("decisions", "measure") if name in data), "")
    said = data.get(what)
    if not what:
        return None
    before = len(problems.found)
    if not isinstance(said, dict):
        problems.add(f"{what} is a mapping with {', '.join(sorted(_WHO))}")
        return None
    wanted = {*_WHO, "ladder" if "ladder" in said else "files"}
    if what == "measure":
        wanted |= {"kind", "materiality"}
        wanted |= {"shelves"} if said.get("kind") == SHELVES else {"bins"} if "ladder" in said else {*_SCALE, "bins"}
    problems.found += key_problems(said, required=wanted, known=wanted, where=f"{what}.")
    if len(problems.found) > before:
        return None
    name, maker = (text_of(said, one, problems) for one in ("name", "maker"))
    named = said.get("files", {})
    if not isinstance(named, dict) or not all(isinstance(one, str) for pair in named.items() for one in pair):
        problems.add(f"{what}.files names each site with the SHA-256 of its file")
        named = {}
    measure = _measure(said, problems) if what == "measure" else None
    return Declaration(name, maker, str(said["version"]), named, measure)


def _measure(said: Mapping[str, Any], problems: Problems) -> Measure:
    kind = said["kind"] if said["kind"] in KINDS else ""
    if not kind:
        problems.add(f"measure.kind is one of {', '.join(KINDS)}")
    material = number_of(said, "materiality", 0.0, 10.0**9, problems)
    ladder = _ladder(said["ladder"], kind, problems) if "ladder" in said else {}
    if kind == SHELVES:
        shelves = names_of(said, "shelves", problems)
        return Measure(kind, 0.0, float(len(shelves)), len(shelves), material, ladder, shelves)
    if "ladder" in said:
        lows, highs = zip(*ladder.values(), strict=True) if ladder else ((0.0,), (1.0,))
        low, high = min(lows), max(highs)
    else:
        low, high = _plain(said, "low", problems), _plain(said, "high", problems)
    return Measure(kind, low, high, whole_of(said, "bins", 2, 100, problems), material, ladder)


def _ladder(value: Any, kind: str, problems: Problems) -> dict[str, tuple[float, float]]:
    if not isinstance(value, dict) or not value:
        problems.add("measure.ladder names each gauge with its ends: {price_week: [-0.1, 0.1]}")
        return {}
    known = GAUGES.get(kind, ())
    if unknown := sorted({str(one) for one in value} - {*known}):
        problems.add(f"measure.ladder knows no {', '.join(unknown)}; of {kind}: {', '.join(known) or 'none'}")
    good = [type(one) is list and [_is_number(end) for end in one] == [True, True] for one in value.values()]
    if not all(good):
        problems.add("measure.ladder gives each gauge two numbers, the low and the high end")
        return {}
    return {name: (float(ends[0]), float(ends[1])) for name, ends in value.items()}


def _plain(said: Mapping[str, Any], name: str, problems: Problems) -> float:
    if not _is_number(said[name]):
        problems.add(f"measure.{name} is a number")
        return 0.0
    return float(said[name])


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
