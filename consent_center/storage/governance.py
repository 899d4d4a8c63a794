"""What governs studies, as rows: policy, schemas, contract terms, tools, scope decisions, findings.

All of them are versions or facts that are only ever added, except that a finding is closed once.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from sqlalchemy import func, or_
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.contract import Certificate, ContractTerms
from consent_center.studies.errors import UnknownFindingError
from consent_center.studies.finding import CLOCKS, Finding, due_of
from consent_center.studies.policy import DEFAULT, Quorum, StudyPolicy
from consent_center.studies.schema import SiteSchema, from_data, to_data
from consent_center.studies.tool import Tool


class VersionRow(SQLModel, table=True):
    """One version of a policy, a schema, contract terms or a tool."""

    __tablename__ = "governance"
    id: int | None = Field(default=None, primary_key=True)
    kind: str = Field(index=True)
    code: str
    body: str
    at: str
    entry_id: EntryRef


class ScopeDecisionRow(SQLModel, table=True):
    """A sharing committee opened or closed a scope for a purpose; `recipient` empty means all."""

    __tablename__ = "scope_decision"
    id: int | None = Field(default=None, primary_key=True)
    scope: str
    recipient: str
    open: bool
    by: str
    reason: str
    at: str
    entry_id: EntryRef


class FindingRow(SQLModel, table=True):
    """One finding; closed once."""

    __tablename__ = "finding"
    id: int | None = Field(default=None, primary_key=True)
    kind: str
    about: str
    owner: str
    opened_at: str
    due_at: str = Field(index=True)
    closed_at: str | None = Field(default=None, index=True)
    closed_by: str = ""
    reason: str = ""
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class ScopeDecision:
    """A sharing committee opened or closed a scope; `recipient` empty means for all."""

    scope: str
    recipient: str
    open: bool
    by: str
    reason: str
    at: datetime


def policy(tx: Transaction) -> StudyPolicy:
    """The rules for studies that hold now."""
    found = _newest(tx, "study-policy").get("studies")
    return DEFAULT if found is None else _policy(found)


def add_policy(tx: Transaction, made: StudyPolicy, *, at: datetime, entry: EntryId) -> None:
    """Keep a new version of the rules for studies."""
    body = {
        "version": made.version,
        "quorum": {"roles": dict(made.quorum.roles), "organisations": made.quorum.organisations},
        "weights": {name: str(value) for name, value in made.weights.items()},
        "ethics_threshold": str(made.ethics_threshold),
        "epsilon_ceiling": made.epsilon_ceiling,
        "least_cohort": made.least_cohort,
        "approval_lasts_s": made.approval_lasts.total_seconds(),
        "assessment_lasts_s": made.assessment_lasts.total_seconds(),
        "rights_owner": made.rights_owner,
    }
    _add(tx, "study-policy", "studies", body, at=at, entry=entry)


def schemas(tx: Transaction) -> dict[str, SiteSchema]:
    """Site -> the columns it offers."""
    return {site: from_data(body) for site, body in _newest(tx, "schema").items()}


def add_schema(tx: Transaction, schema: SiteSchema, *, at: datetime, entry: EntryId) -> None:
    """Keep the columns that a site offers now."""
    _add(tx, "schema", schema.site, to_data(schema), at=at, entry=entry)


def contracts(tx: Transaction) -> list[ContractTerms]:
    """The newest terms of every contract, by code."""
    return [_contract(body) for _, body in sorted(_newest(tx, "contract-terms").items())]


def add_contract(tx: Transaction, terms: ContractTerms, *, at: datetime, entry: EntryId) -> None:
    """Keep terms of a contract."""
    body = asdict(terms) | {
        "begins": text(terms.begins),
        "ends": text(terms.ends),
        "certificates": [[one.name, text(one.expires_at)] for one in terms.certificates],
        "returned_at": None if terms.returned_at is None else text(terms.returned_at),
    }
    _add(tx, "contract-terms", terms.code, body, at=at, entry=entry)


def tools(tx: Transaction) -> list[Tool]:
    """The newest state of every collection tool, by code."""
    return [
        Tool(
            **{
                **body,
                "traits": frozenset(body["traits"]),
                "registered_at": moment(body["registered_at"]),
                "reviewed_at": None if body["reviewed_at"] is None else moment(body["reviewed_at"]),
            }
        )
        for _, body in sorted(_newest(tx, "tool").items())
    ]


def add_tool(tx: Transaction, tool: Tool, *, at: datetime, entry: EntryId) -> None:
    """Keep a collection tool."""
    body = asdict(tool) | {
        "traits": sorted(tool.traits),
        "registered_at": text(tool.registered_at),
        "reviewed_at": None if tool.reviewed_at is None else text(tool.reviewed_at),
    }
    _add(tx, "tool", tool.code, body, at=at, entry=entry)


def add_scope_decision(tx: Transaction, decision: ScopeDecision, *, entry: EntryId) -> None:
    """Keep a decision of the sharing committee."""
    tx.session.add(ScopeDecisionRow(**{**asdict(decision), "at": text(decision.at)}, entry_id=entry))
    tx.session.flush()


def scope_decisions(tx: Transaction) -> list[ScopeDecision]:
    """Every decision of the sharing committee, in order."""
    query = select(ScopeDecisionRow).order_by(col(ScopeDecisionRow.id))
    return [
        ScopeDecision(row.scope, row.recipient, row.open, row.by, row.reason, moment(row.at))
        for row in tx.session.exec(query)
    ]


def open_finding(tx: Transaction, kind: str, about: str) -> bool:
    """Is there an open finding of this kind about this?"""
    query = select(FindingRow.id).where(
        FindingRow.kind == kind, FindingRow.about == about, col(FindingRow.closed_at).is_(None)
    )
    return tx.session.exec(query).first() is not None


def resting_findings(tx: Transaction, *, at: datetime) -> set[tuple[str, str]]:
    """(kind, about) of every finding that is open, or was closed so lately that its clock has not run once more."""
    since = text(at - max(CLOCKS.values()))
    query = select(FindingRow.kind, FindingRow.about, FindingRow.closed_at).where(
        or_(col(FindingRow.closed_at).is_(None), col(FindingRow.closed_at) > since)
    )
    return {
        (kind, about)
        for kind, about, closed in tx.session.exec(query)
        if closed is None or at < due_of(kind, at=moment(closed))
    }


def add_finding(tx: Transaction, finding: Finding, *, entry: EntryId) -> int:
    """Keep a finding and return its number."""
    row = FindingRow(
        kind=finding.kind,
        about=finding.about,
        owner=finding.owner,
        opened_at=text(finding.opened_at),
        due_at=text(finding.due_at),
        entry_id=entry,
    )
    tx.session.add(row)
    tx.session.flush()
    if row.id is None:
        raise UnknownFindingError("new")
    return row.id


def finding(tx: Transaction, number: int) -> Finding:
    """A finding.

    Raises:
        UnknownFindingError: no such finding.
    """
    row = tx.session.get(FindingRow, number)
    if row is None:
        raise UnknownFindingError(number)
    return _finding(row)


def findings(
    tx: Transaction, *, only_open: bool = True, limit: int = 200, about: Collection[str] | None = None, owner: str = ""
) -> list[Finding]:
    """Findings, those due first on top: all, or those about one of these or whose owner this is."""
    query = select(FindingRow).order_by(col(FindingRow.due_at), col(FindingRow.id)).limit(limit)
    if only_open:
        query = query.where(col(FindingRow.closed_at).is_(None))
    if about is not None:
        query = query.where(or_(col(FindingRow.about).in_(about), col(FindingRow.owner) == owner))
    return [_finding(row) for row in tx.session.exec(query)]


def close_finding(tx: Transaction, number: int, *, by: str, reason: str, at: datetime) -> None:
    """Write into an open finding who closed it and why."""
    row = tx.session.get(FindingRow, number)
    if row is not None:
        row.closed_at, row.closed_by, row.reason = text(at), by, reason
        tx.session.add(row)
        tx.session.flush()


def _newest(tx: Transaction, kind: str) -> dict[str, Any]:
    last = tx.session.exec(select(func.coalesce(func.max(VersionRow.id), 0)).where(VersionRow.kind == kind)).one()
    kept: tuple[int, dict[str, Any]] | None = None if tx.writing else tx.warm.get(f"governance/{kind}")
    if kept is not None and kept[0] == last:
        return kept[1]
    query = select(VersionRow).where(VersionRow.kind == kind).order_by(col(VersionRow.id))
    found = {row.code: json.loads(row.body) for row in tx.session.exec(query)}
    if not tx.writing:
        tx.warm[f"governance/{kind}"] = last, found
    return found


def _add(tx: Transaction, kind: str, code: str, body: Mapping[str, Any], *, at: datetime, entry: EntryId) -> None:
    written = json.dumps(body, ensure_ascii=False, sort_keys=True)
    tx.session.add(VersionRow(kind=kind, code=code, body=written, at=text(at), entry_id=entry))
    tx.session.flush()


def _policy(body: Mapping[str, Any]) -> StudyPolicy:
    return StudyPolicy(
        version=body["version"],
        quorum=Quorum(body["quorum"]["roles"], body["quorum"]["organisations"]),
        weights={name: Fraction(value) for name, value in body["weights"].items()},
        ethics_threshold=Fraction(body["ethics_threshold"]),
        epsilon_ceiling=body["epsilon_ceiling"],
        least_cohort=body["least_cohort"],
        approval_lasts=timedelta(seconds=body["approval_lasts_s"]),
        assessment_lasts=timedelta(seconds=body["assessment_lasts_s"]),
        rights_owner=body.get("rights_owner", ""),
    )


def _contract(body: Mapping[str, Any]) -> ContractTerms:
    lists = {name: tuple(body[name]) for name in ("purposes", "scopes", "countries")}
    return ContractTerms(
        **{
            **body,
            **lists,
            "begins": moment(body["begins"]),
            "ends": moment(body["ends"]),
            "certificates": tuple(Certificate(name, moment(until)) for name, until in body["certificates"]),
            "returned_at": None if body["returned_at"] is None else moment(body["returned_at"]),
        }
    )


def _finding(row: FindingRow) -> Finding:
    if row.id is None:
        raise UnknownFindingError("new")
    return Finding(
        number=row.id,
        kind=row.kind,
        about=row.about,
        owner=row.owner,
        opened_at=moment(row.opened_at),
        due_at=moment(row.due_at),
        closed_at=None if row.closed_at is None else moment(row.closed_at),
        closed_by=row.closed_by,
        reason=row.reason,
    )
