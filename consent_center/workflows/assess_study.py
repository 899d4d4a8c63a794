"""The impact assessment of a study: questions that the plan answers in part, a risk index, the assessor's words."""

from collections.abc import Mapping
from datetime import datetime

from consent_center.events import Event
from consent_center.storage import assessments, governance, staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.assessment import Assessment, Circumstances, assessment_bytes, risk_index, risk_parts
from consent_center.studies.duties import Duty, check_duties, duties_held
from consent_center.studies.errors import StudyError
from consent_center.studies.roles import Act
from consent_center.workflows._studying import circumstances_of
from federated.plan import digest

SHORTEST = 10


def assess_study(
    tx: Transaction,
    study_id: str,
    *,
    assessor: str,
    answers: Mapping[str, str],
    circumstances: Circumstances | None = None,
    at: datetime,
) -> Assessment:
    """Compute the risk index of a study and keep it with the assessor's answers.

    Args:
        tx: the transaction.
        study_id: the study.
        assessor: who assesses; not one of its designers, and she governs this study from now on.
        answers: question -> answer, none empty.
        circumstances: None for what the definitions, the ledger and the earlier runs say.
        at: now.

    Raises:
        UnknownStudyError: no such study.
        StudyError: an answer is empty, or somebody who had a hand in the study assesses it.
        DutiesError: she executes the study at a site.
    """
    study = studies.get(tx, study_id)
    if assessor in study.designers:
        raise StudyError("whoever had a hand in a study cannot assess it: ask a colleague")
    person = staff.find(tx, assessor)
    if person is not None and not (person.is_here(at=at) and person.may(Act.ASSESS_STUDY)):
        raise StudyError("only a compliance officer or a legal reviewer who is still here assesses a study")
    given = {one.reviewer: one.role for one, _ in studies.approvals(tx, study_id)}
    held = duties_held(assessor, author=study.author, assessors=(), answered=given.items())
    check_duties(held, Duty.GOVERNANCE)
    if not answers or any(len(answer.strip()) < SHORTEST for answer in answers.values()):
        raise StudyError("an assessment answers every question in words: none may be empty")
    policy = governance.policy(tx)
    plan = study.parsed()
    parts = risk_parts(plan, circumstances or circumstances_of(tx, plan))
    made = Assessment(
        study=study.id,
        plan_digest=study.plan_digest,
        assessor=assessor,
        parts=parts,
        index=risk_index(parts, policy=policy),
        answers=dict(answers),
        made_at=at,
        expires_at=at + policy.assessment_lasts,
        ethics_threshold=policy.ethics_threshold,
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
    assessments.add(tx, made, entry=entry)
    return made
