"""Studies, reviewers and approvals, as rows. All of them are only ever added."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import UniqueConstraint, func, or_
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import UnknownReviewerError, UnknownStudyError
from consent_center.studies.study import Study
from federated.approvals import Approval, Pinned, read_approval
from federated.passkey_signature import key_text, read_key_text
from federated.signed import Signed

_KEPT_WARM = 20_000


class StudyRow(SQLModel, table=True):
    """One study, exactly as filed."""

    __tablename__ = "study"
    id: str = Field(primary_key=True)
    title: str
    author: str
    organisation: str
    accountable: str
    reason: str
    benefits: str
    retention_days: int
    plan: bytes
    plan_digest: str = Field(index=True)
    filed_at: str = Field(index=True)
    closes_at: str = Field(index=True)
    necessity: str = "{}"
    proposers: str = "[]"
    replaces: str = ""
    entry_id: EntryRef


class ReviewerRow(SQLModel, table=True):
    """A reviewer's public key, with the role and organisation she answers in; her newest row counts.

    `credential` names the passkey that holds the key; None for a key file.
    """

    __tablename__ = "reviewer"
    id: int | None = Field(default=None, primary_key=True)
    reviewer: str = Field(index=True)
    role: str
    organisation: str
    public_key: str
    credential: bytes | None = None
    entry_id: EntryRef


class ApprovalRow(SQLModel, table=True):
    """One signed answer, as the reviewer signed it, with the key that was hers at the time."""

    __tablename__ = "approval"
    __table_args__ = (UniqueConstraint("study", "signature"),)
    id: int | None = Field(default=None, primary_key=True)
    study: str = Field(foreign_key="study.id", index=True)
    reviewer: str = Field(index=True)
    role: str
    document: str
    signature: str
    public_key: str
    entry_id: EntryRef


def add(tx: Transaction, study: Study, *, entry: EntryId) -> None:
    """Keep a study as filed."""
    tx.session.add(
        StudyRow(
            id=study.id,
            title=study.title,
            author=study.author,
            organisation=study.organisation,
            accountable=study.accountable,
            reason=study.reason,
            benefits=study.benefits,
            retention_days=study.retention_days,
            plan=study.plan,
            plan_digest=study.plan_digest,
            filed_at=text(study.filed_at),
            closes_at=text(study.closes_at),
            necessity=json.dumps(dict(study.necessity), ensure_ascii=False),
            proposers=json.dumps(study.proposers),
            replaces=study.replaces,
            entry_id=entry,
        )
    )
    tx.session.flush()


def exists(tx: Transaction, study: str) -> bool:
    """Was a study with this identifier ever filed?"""
    return tx.session.get(StudyRow, study) is not None


def get(tx: Transaction, study: str) -> Study:
    """A study as filed.

    Raises:
        UnknownStudyError: none was filed under this identifier.
    """
    row = tx.session.get(StudyRow, study)
    if row is None:
        raise UnknownStudyError(study)
    return _study(row)


def listed(
    tx: Transaction,
    *,
    before: str = "",
    limit: int = 50,
    words: str = "",
    closed_at: datetime | None = None,
    only: Collection[str] | None = None,
) -> list[Study]:
    """Studies, newest first, filed before this moment (as `columns.text` writes it).

    Args:
        tx: the transaction.
        before: only those filed before it; empty for the newest.
        limit: how many at most.
        closed_at: only those whose closing date lies at or before this moment; None for all.
        words: each must be in the name, title, author or accountable head; nothing in them is a pattern.
        only: only these; None for all.
    """
    query = select(StudyRow).order_by(col(StudyRow.filed_at).desc(), col(StudyRow.id)).limit(limit)
    if before:
        query = query.where(StudyRow.filed_at < before)
    if closed_at is not None:
        query = query.where(StudyRow.closes_at <= text(closed_at))
    if only is not None:
        query = query.where(col(StudyRow.id).in_(only))
    for word in words.lower().split():
        places = (StudyRow.id, StudyRow.title, StudyRow.author, StudyRow.accountable)
        query = query.where(or_(*(func.lower(col(place)).contains(word, autoescape=True) for place in places)))
    return [_study(row) for row in tx.session.exec(query)]


def mark_of(study: Study) -> str:
    """Where the page after this study begins."""
    return text(study.filed_at)


def some(tx: Transaction, names: Sequence[str]) -> list[Study]:
    """These studies, oldest first."""
    query = select(StudyRow).where(col(StudyRow.id).in_(names))
    return [_study(row) for row in tx.session.exec(query.order_by(col(StudyRow.filed_at), col(StudyRow.id)))]


def open_ones(tx: Transaction, *, at: datetime) -> list[Study]:
    """Every study whose closing date lies ahead, oldest first."""
    query = select(StudyRow).where(StudyRow.closes_at > text(at)).order_by(col(StudyRow.filed_at), col(StudyRow.id))
    return [_study(row) for row in tx.session.exec(query)]


def add_reviewer(tx: Transaction, pinned: Pinned, *, entry: EntryId, credential: bytes | None = None) -> None:
    """Keep a reviewer's public key and her role; earlier answers stay under her earlier key."""
    tx.session.add(
        ReviewerRow(
            reviewer=pinned.reviewer,
            role=pinned.role,
            organisation=pinned.organisation,
            public_key=key_text(pinned.key),
            credential=credential,
            entry_id=entry,
        )
    )
    tx.session.flush()


def reviewer(tx: Transaction, name: str) -> Pinned:
    """A reviewer as the consent centre knows her.

    Raises:
        UnknownReviewerError: nobody by this name may review.
    """
    if (known := find_reviewer(tx, name)) is None:
        raise UnknownReviewerError(name)
    return known[0]


def find_reviewer(tx: Transaction, name: str) -> tuple[Pinned, bytes | None] | None:
    """A reviewer and the passkey that holds her key (None for a key file), or None if nobody is registered."""
    query = select(ReviewerRow).where(ReviewerRow.reviewer == name).order_by(col(ReviewerRow.id).desc()).limit(1)
    row = tx.session.exec(query).first()
    if row is None:
        return None
    return Pinned(row.reviewer, row.role, row.organisation, read_key_text(row.public_key)), row.credential


def reviewers(tx: Transaction) -> list[Pinned]:
    """Every reviewer with her newest key, by name."""
    rows = {row.reviewer: row for row in tx.session.exec(select(ReviewerRow).order_by(col(ReviewerRow.id)))}
    return [
        Pinned(row.reviewer, row.role, row.organisation, read_key_text(row.public_key))
        for _, row in sorted(rows.items())
    ]


def add_approval(tx: Transaction, approval: Approval, signed: Signed, *, key: Pinned, entry: EntryId) -> None:
    """Keep a reviewer's answer exactly as she signed it, with the key that verifies it."""
    tx.session.add(
        ApprovalRow(
            study=approval.study,
            reviewer=approval.reviewer,
            role=approval.role,
            document=signed.to_text(),
            signature=_signature(signed),
            public_key=key_text(key.key),
            entry_id=entry,
        )
    )
    tx.session.flush()


def has_answer(tx: Transaction, study: str, signed: Signed) -> bool:
    """Was this very document given before?"""
    query = select(ApprovalRow.id).where(ApprovalRow.study == study, ApprovalRow.signature == _signature(signed))
    return tx.session.exec(query).first() is not None


def approvals(tx: Transaction, study: str) -> list[tuple[Approval, Signed]]:
    """Every answer to a study, read back from what was signed and checked again."""
    return approvals_of(tx, [study]).get(study, [])


def approvals_of(tx: Transaction, names: Sequence[str]) -> dict[str, list[tuple[Approval, Signed]]]:
    """Study -> its answers in the order they came, each checked again against the key it was signed with.

    A document that verified once is not verified twice by the same process: it is kept by its own bytes.
    """
    seen: dict[tuple[str, str], Approval] = tx.warm.setdefault("approvals-verified", {})
    found: dict[str, list[tuple[Approval, Signed]]] = {}
    query = select(ApprovalRow).where(col(ApprovalRow.study).in_(names)).order_by(col(ApprovalRow.id))
    if len(seen) > _KEPT_WARM:
        seen.clear()
    for row in tx.session.exec(query):
        signed = Signed.from_text(row.document)
        key = row.document, row.public_key
        if key not in seen:
            seen[key] = read_approval(signed, read_key_text(row.public_key))
        found.setdefault(row.study, []).append((seen[key], signed))
    return found


def _signature(signed: Signed) -> str:
    return f"{signed.kind}:{signed.signature.hex()}"


def _study(row: StudyRow) -> Study:
    return Study(
        id=row.id,
        title=row.title,
        author=row.author,
        organisation=row.organisation,
        accountable=row.accountable,
        reason=row.reason,
        benefits=row.benefits,
        retention_days=row.retention_days,
        plan=row.plan,
        filed_at=moment(row.filed_at),
        closes_at=moment(row.closes_at),
        necessity=json.loads(row.necessity),
        proposers=tuple(json.loads(row.proposers)),
        replaces=row.replaces,
    )
