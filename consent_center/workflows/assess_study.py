"""The impact assessment of a study."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.assessment import Assessment, Circumstances, assessment_bytes, risk_index, risk_parts
from consent_center.studies.errors import StudyError
from federated.plan import digest

CURRENT_FOR = timedelta(days=365)


def assess_study(
    tx: Transaction,
    study_id: str,
    *,
    assessor: str,
    circumstances: Circumstances,
    answers: Mapping[str, str],
    at: datetime,
) -> Assessment:
    """Compute the risk index of a study and keep it with the assessor's answers.

    Raises:
        UnknownStudyError: no such study.
        StudyError: an answer is empty, or the author assesses her own study.
    """
    study = studies.get(tx, study_id)
    if assessor == study.author:
        raise StudyError("the author cannot assess her own study: ask a colleague")
    if not answers or any(not answer.strip() for answer in answers.values()):
        raise StudyError("an assessment answers every question: none may be empty")
    parts = risk_parts(study.parsed(), circumstances)
    made = Assessment(
        study=study.id,
        plan_digest=study.plan_digest,
        assessor=assessor,
        parts=parts,
        index=risk_index(parts),
        answers=dict(answers),
        made_at=at,
        expires_at=at + CURRENT_FOR,
    )
    entry = tx.append(
        Event(
            "study.assessed",
            public={
                "study": study.id,
                "plan": study.plan_digest,
                "assessment": digest(assessment_bytes(made)),
                "risk_percent": round(made.index * 100),
            },
            private={"assessor": assessor, "index": str(made.index), "answers": dict(answers)},
        ),
        at=at,
    )
    studies.add_assessment(tx, made, entry=entry)
    return made
