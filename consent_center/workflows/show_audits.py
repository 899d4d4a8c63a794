"""What audits found: the list, one audit with everything that bears on reading it, and when each model is due again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from audit.fairness.counts import CountTable
from audit.fairness.means import Scale
from audit.fairness.report import gap_from_json
from audit.fairness.verdict import Gap, Thresholds
from consent_center.storage import governance, lineage, releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.studies.finding import Finding
from consent_center.studies.study import Study
from consent_center.workflows._auditing import KINDS, AuditPolicy, Due, due_audits, due_of, limits_of, scale_of
from consent_center.workflows._judging import scales_of
from federated.models.measures import MEASURES
from federated.plan import Plan, digest
from federated.results import read_tables
from federated.signed import decode
from privacy.mechanism import DiscreteLaplace


@dataclass(frozen=True)
class AuditLine:
    """One audit in the list.

    Attributes:
        audit: what the check said.
        now: the newest decision about its model, which may be an override, a suspension or a later audit.
    """

    audit: Release
    now: Release
    study: str
    title: str


@dataclass(frozen=True)
class Earlier:
    """An earlier audit of the same model or number."""

    run: str
    verdict: str
    counted_at: datetime
    tables: Sequence[CountTable]


@dataclass(frozen=True)
class AuditPage:
    """One audit, ready to be read.

    Attributes:
        audit: what the check said of this run.
        now: the newest decision about the model.
        overrides: every override that the model ever had, oldest first.
        tables: what was judged, with its noise.
        judged: gaps that decide; `shown` further ones.
        counted_at: when the run was admitted.
        agreed: members who agreed to the audit; `enrolled` members enrolled at these sites; both exact, for reviewers.
        epsilon: attribute -> pure epsilon of its table.
        scale: of members' numbers, the first rung's if there is a ladder; None if decisions were audited.
        scales: of each table, by what it is a table of.
        before: earlier audits of the same model, or of the same number, with what they counted, oldest first.
    """

    audit: Release
    now: Release
    overrides: Sequence[Release]
    study: Study
    plan: Plan
    tables: Sequence[CountTable]
    judged: Sequence[Gap]
    shown: Sequence[Gap]
    limits: Thresholds
    counted_at: datetime
    agreed: int
    enrolled: int
    epsilon: Mapping[str, float]
    due_at: datetime | None
    cases: Sequence[Finding]
    scale: Scale | None = None
    before: Sequence[Earlier] = ()
    scales: Mapping[str, Scale] = field(default_factory=dict)


def list_audits(tx: Transaction, *, limit: int = 200) -> list[AuditLine]:
    """Audits, newest first."""
    now = {one.model_digest: one for one in releases.newest(tx)}
    lines = []
    for one in releases.listed(tx, limit=limit):
        if not one.by:
            study = studies.get(tx, runs.get(tx, one.run).study)
            lines.append(AuditLine(one, now[one.model_digest], study.id, study.title))
    return lines


def show_audit(tx: Transaction, run: str, *, policy: AuditPolicy | None = None) -> AuditPage:
    """One audit.

    Raises:
        UnknownRunError: the run was never admitted.
        ReleaseError: it was not judged.
    """
    known = runs.get(tx, run)
    audit, outcome = releases.judged(tx, run), runs.outcome(tx, run)
    if audit is None or outcome is None:
        raise ReleaseError(f"run {run} was not judged yet: accord audit judge {run}")
    study = studies.get(tx, known.study)
    plan, history = study.parsed(), releases.history(tx, audit.model_digest)
    mask = 1 << plan.use_of("audit") if plan.releases_of("audit") else 0
    return AuditPage(
        audit=audit,
        now=history[-1],
        overrides=[one for one in history if one.state == "overridden"],
        study=study,
        plan=plan,
        tables=read_tables(plan, outcome.results),
        judged=[gap_from_json(one) for one in audit.report["judged"]],
        shown=[gap_from_json(one) for one in audit.report["shown"]],
        limits=Thresholds(**audit.report.get("thresholds", {})) if audit.report.get("thresholds") else limits_of(plan),
        counted_at=datetime.fromisoformat(decode(known.permit.payload)["issued_at"]),
        agreed=lineage.agreed_to(tx, run, mask),
        enrolled=lineage.enrolled_at(tx, plan.sites),
        epsilon={
            one.name.partition(":")[2]: float(one.mechanism.epsilon)
            for one in plan.releases_of("audit")
            if isinstance(one.mechanism, DiscreteLaplace)
        },
        due_at=due_of(history[-1], policy or AuditPolicy()),
        cases=[one for one in governance.findings(tx, only_open=False) if one.kind in KINDS and one.about == study.id],
        scale=scale_of(plan),
        before=_before(tx, audit, plan),
        scales=scales_of(plan, read_tables(plan, outcome.results)),
    )


def _before(tx: Transaction, audit: Release, plan: Plan) -> list[Earlier]:
    """Earlier audits of the same model, or of a number of the same name and kind at the same bins."""
    if plan.model in MEASURES:
        some = [one for one in reversed(releases.listed(tx)) if one.state == audit.state and not one.by]
    else:
        some = [one for one in releases.history(tx, audit.model_digest) if not one.by]
    found: list[Earlier] = []
    for one in some[: [one.run for one in some].index(audit.run)]:
        known, outcome = runs.get(tx, one.run), runs.outcome(tx, one.run)
        other = studies.get(tx, known.study).parsed()
        same = (other.model, other.features, other.attributes) == (plan.model, plan.features, plan.attributes)
        if outcome is None or not same:
            continue
        counted = datetime.fromisoformat(decode(known.permit.payload)["issued_at"])
        found.append(Earlier(one.run, one.verdict, counted, read_tables(other, outcome.results)))
    return found


def signature_of(override: Release) -> str:
    """SHA-256 of the signature of an override; empty if nobody signed exactly this."""
    said = releases.override_of(override)
    return digest(override.signed.signature) if said is not None and override.signed is not None else ""


def audit_cases(tx: Transaction) -> list[Finding]:
    """Findings of audits, open ones first."""
    found = [one for one in governance.findings(tx, only_open=False) if one.kind in KINDS]
    return sorted(found, key=lambda one: (one.closed_at is not None, one.due_at))


def show_calendar(tx: Transaction) -> list[Due]:
    """Every model in use with the day by which it must have been audited again, the earliest first."""
    return due_audits(tx)
