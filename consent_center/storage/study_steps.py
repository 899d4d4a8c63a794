"""That a study was suspended or resumed, as rows that are only ever added."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction


class StudyStepRow(SQLModel, table=True):
    """A study was suspended or resumed, by a person or by what bears on it."""

    __tablename__ = "study_step"
    id: int | None = Field(default=None, primary_key=True)
    study: str = Field(foreign_key="study.id", index=True)
    step: str
    code: str
    by: str
    reason: str
    at: str
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class Step:
    """A study was suspended or resumed.

    Attributes:
        step: "suspended" or "resumed".
        code: why, as a code: "by-hand", "contract:tern".
        by: who; empty if nobody clicked.
    """

    step: str
    code: str
    by: str
    reason: str
    at: datetime


def add(tx: Transaction, study: str, step: Step, *, entry: EntryId) -> None:
    """Keep that a study was suspended or resumed."""
    tx.session.add(
        StudyStepRow(
            study=study,
            step=step.step,
            code=step.code,
            by=step.by,
            reason=step.reason,
            at=text(step.at),
            entry_id=entry,
        )
    )
    tx.session.flush()


def steps_of(tx: Transaction, names: Sequence[str]) -> dict[str, list[Step]]:
    """Study -> its steps in order."""
    found: dict[str, list[Step]] = {}
    query = select(StudyStepRow).where(col(StudyStepRow.study).in_(names)).order_by(col(StudyStepRow.id))
    for row in tx.session.exec(query):
        found.setdefault(row.study, []).append(Step(row.step, row.code, row.by, row.reason, moment(row.at)))
    return found
