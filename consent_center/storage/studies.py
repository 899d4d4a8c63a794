"""Studies, assessments, reviewers and approvals, as rows. All of them are only ever added."""

import json
from fractions import Fraction

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.assessment import Assessment
from consent_center.studies.errors import UnknownReviewerError, UnknownStudyError
from consent_center.studies.study import Study
from federated.approvals import Approval, Pinned, read_approval
from federated.signed import Signed


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
    filed_at: str
    closes_at: str
    entry_id: EntryRef


class AssessmentRow(SQLModel, table=True):
    """One impact assessment of one plan."""

    __tablename__ = "assessment"
    id: int | None = Field(default=None, primary_key=True)
    study: str = Field(foreign_key="study.id", index=True)
    plan_digest: str
    assessor: str
    parts: str
    index: str
    answers: str
    made_at: str
    expires_at: str
    entry_id: EntryRef


class ReviewerRow(SQLModel, table=True):
    """A reviewer's public key, with the role and organisation she answers in."""

    __tablename__ = "reviewer"
    reviewer: str = Field(primary_key=True)
    role: str
    organisation: str
    public_key: bytes
    entry_id: EntryRef


class ApprovalRow(SQLModel, table=True):
    """One signed answer, as the reviewer signed it."""

    __tablename__ = "approval"
    id: int | None = Field(default=None, primary_key=True)
    study: str = Field(foreign_key="study.id", index=True)
    reviewer: str = Field(foreign_key="reviewer.reviewer")
    role: str
    document: str
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
            entry_id=entry,
        )
    )


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
    )


def add_assessment(tx: Transaction, assessment: Assessment, *, entry: EntryId) -> None:
    """Keep an assessment."""
    tx.session.add(
        AssessmentRow(
            study=assessment.study,
            plan_digest=assessment.plan_digest,
            assessor=assessment.assessor,
            parts=json.dumps({name: str(value) for name, value in assessment.parts.items()}),
            index=str(assessment.index),
            answers=json.dumps(dict(assessment.answers)),
            made_at=text(assessment.made_at),
            expires_at=text(assessment.expires_at),
            entry_id=entry,
        )
    )


def latest_assessment(tx: Transaction, study: str) -> Assessment | None:
    """The newest assessment of a study, current or not."""
    query = select(AssessmentRow).where(AssessmentRow.study == study).order_by(col(AssessmentRow.id).desc()).limit(1)
    row = tx.session.exec(query).first()
    if row is None:
        return None
    return Assessment(
        study=row.study,
        plan_digest=row.plan_digest,
        assessor=row.assessor,
        parts={name: Fraction(value) for name, value in json.loads(row.parts).items()},
        index=Fraction(row.index),
        answers=json.loads(row.answers),
        made_at=moment(row.made_at),
        expires_at=moment(row.expires_at),
    )


def add_reviewer(tx: Transaction, pinned: Pinned, *, entry: EntryId) -> None:
    """Keep a reviewer's public key and her role."""
    tx.session.add(
        ReviewerRow(
            reviewer=pinned.reviewer,
            role=pinned.role,
            organisation=pinned.organisation,
            public_key=pinned.key.public_bytes_raw(),
            entry_id=entry,
        )
    )


def reviewer(tx: Transaction, name: str) -> Pinned:
    """A reviewer as the consent centre knows her.

    Raises:
        UnknownReviewerError: nobody by this name may review.
    """
    row = tx.session.get(ReviewerRow, name)
    if row is None:
        raise UnknownReviewerError(name)
    return Pinned(row.reviewer, row.role, row.organisation, Ed25519PublicKey.from_public_bytes(row.public_key))


def add_approval(tx: Transaction, approval: Approval, signed: Signed, *, entry: EntryId) -> None:
    """Keep a reviewer's answer exactly as she signed it."""
    tx.session.add(
        ApprovalRow(
            study=approval.study,
            reviewer=approval.reviewer,
            role=approval.role,
            document=signed.to_text(),
            entry_id=entry,
        )
    )


def approvals(tx: Transaction, study: str) -> list[tuple[Approval, Signed]]:
    """Every answer to a study, read back from what was signed and checked again."""
    rows = tx.session.exec(select(ApprovalRow).where(ApprovalRow.study == study).order_by(col(ApprovalRow.id))).all()
    documents = [(row.reviewer, Signed.from_text(row.document)) for row in rows]
    return [(read_approval(signed, reviewer(tx, name).key), signed) for name, signed in documents]
