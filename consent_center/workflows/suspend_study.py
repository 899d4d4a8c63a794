"""A person suspends a study, or lets it go on."""

from datetime import datetime

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import studies, study_steps
from consent_center.storage.study_steps import Step
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StudyError
from consent_center.studies.study import Study
from consent_center.workflows._studying import BY_HAND

SHORTEST = 10


def suspend_study(tx: Transaction, study_id: str, *, by: str, role: str, reason: str, at: datetime) -> None:
    """Suspend a study by hand: no run of it starts, and a running one stops before its next round.

    Raises:
        UnknownStudyError: no such study.
        StudyError: it is suspended by hand already, or no reason is given.
    """
    _step(tx, studies.get(tx, study_id), "suspended", by=by, role=role, reason=reason, at=at)


def resume_study(tx: Transaction, study_id: str, *, by: str, role: str, reason: str, at: datetime) -> None:
    """Take back a suspension by hand; whatever else bears on the study still does.

    Raises:
        UnknownStudyError: no such study.
        StudyError: it is not suspended by hand, by whoever filed it, or no reason is given.
    """
    _step(tx, studies.get(tx, study_id), "resumed", by=by, role=role, reason=reason, at=at)


def _step(tx: Transaction, study: Study, step: str, *, by: str, role: str, reason: str, at: datetime) -> None:
    if len(reason.strip()) < SHORTEST:
        raise StudyError("say why, in at least a sentence: others must be able to judge it")
    by_hand = [one.step for one in study_steps.steps_of(tx, [study.id]).get(study.id, []) if one.code == BY_HAND]
    if (bool(by_hand) and by_hand[-1] == "suspended") == (step == "suspended"):
        already = "nothing to change: the study is already suspended"
        raise StudyError(already if step == "suspended" else "nothing to change: the study is not suspended")
    if step == "resumed" and by in study.designers:
        raise RuleError("whoever had a hand in a study cannot let it go on: ask a reviewer")
    _record(tx, study, Step(step, BY_HAND, by, reason.strip(), at), role=role)


def record_step(tx: Transaction, study: Study, step: str, *, code: str, at: datetime) -> None:
    """Keep that a study was suspended, or goes on, by itself. Not a workflow itself."""
    _record(tx, study, Step(step, code, "", "", at))


def _record(tx: Transaction, study: Study, step: Step, *, role: str = "") -> None:
    entry = tx.append(
        Event(
            f"study.{step.step}",
            public={
                "study": study.id,
                "plan": study.plan_digest,
                "code": step.code,
                **({"role": role} if role else {}),
            },
            private={"by": step.by, "reason": step.reason},
        ),
        at=step.at,
    )
    study_steps.add(tx, study.id, step, entry=entry)
