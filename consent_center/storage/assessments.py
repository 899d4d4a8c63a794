"""Impact assessments of studies, as rows that are only ever added; the newest of a study counts."""

import json
from collections.abc import Sequence
from fractions import Fraction

from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.assessment import Assessment


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
    ethics_threshold: str = "1/2"
    entry_id: EntryRef


def add(tx: Transaction, assessment: Assessment, *, entry: EntryId) -> None:
    """Keep an assessment."""
    tx.session.add(
        AssessmentRow(
            study=assessment.study,
            plan_digest=assessment.plan_digest,
            assessor=assessment.assessor,
            parts=json.dumps({name: str(value) for name, value in assessment.parts.items()}),
            index=str(assessment.index),
            answers=json.dumps(dict(assessment.answers), ensure_ascii=False),
            made_at=text(assessment.made_at),
            expires_at=text(assessment.expires_at),
            ethics_threshold=str(assessment.ethics_threshold),
            entry_id=entry,
        )
    )
    tx.session.flush()


def latest(tx: Transaction, study: str) -> Assessment | None:
    """The newest assessment of a study, current or not."""
    return latest_of(tx, [study]).get(study)


def latest_of(tx: Transaction, names: Sequence[str]) -> dict[str, Assessment]:
    """Study -> its newest assessment, for those that have one."""
    query = select(AssessmentRow).where(col(AssessmentRow.study).in_(names)).order_by(col(AssessmentRow.id))
    return {row.study: _assessment(row) for row in tx.session.exec(query)}


def assessors(tx: Transaction, study: str) -> list[str]:
    """Everybody who ever assessed a study."""
    return list(tx.session.exec(select(AssessmentRow.assessor).where(AssessmentRow.study == study)))


def _assessment(row: AssessmentRow) -> Assessment:
    return Assessment(
        study=row.study,
        plan_digest=row.plan_digest,
        assessor=row.assessor,
        parts={name: Fraction(value) for name, value in json.loads(row.parts).items()},
        index=Fraction(row.index),
        answers=json.loads(row.answers),
        made_at=moment(row.made_at),
        expires_at=moment(row.expires_at),
        ethics_threshold=Fraction(row.ethics_threshold),
    )
