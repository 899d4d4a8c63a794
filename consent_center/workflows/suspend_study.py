"""A person suspends a study, or lets it go on; and the sweep that records what suspended one without anybody."""

from datetime import datetime

from consent_center.errors import RuleError
from consent_center.events import Event
from consent_center.storage import governance, rights, studies, tasks
from consent_center.storage.studies import Step
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StudyError
from consent_center.studies.lifecycle import Stage
from consent_center.studies.study import Study
from consent_center.workflows._finding import open_finding
from consent_center.workflows._studying import BY_HAND, known_all

SHORTEST = 10
OFFICE = "compliance"
"""Who owns what no head of a study answers for."""


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


def watch_studies(tx: Transaction, *, at: datetime) -> int:
    """Record what changed by itself since the last look, and open findings; returns how many there are new.

    The gate does not wait for this: it computes the same standing at every question.
    """
    new = 0
    for one in known_all(tx, studies.open_ones(tx, at=at), at=at):
        auto = [step for step in one.steps if step.code != BY_HAND]
        resting = bool(auto) and auto[-1].step == "suspended"
        bears = [code for code in one.standing.bearing if code != "suspended"]
        if one.standing.stage is Stage.SUSPENDED and bears and not resting:
            _record(tx, one.study, Step("suspended", bears[0], "", "", at))
            new += open_finding(tx, "study-suspended", one.study.id, owner=one.study.accountable, at=at)
        elif resting and not bears:
            _record(tx, one.study, Step("resumed", auto[-1].code, "", "", at))
        for code in bears:
            if code.startswith("contract"):
                about = code.partition(":")[2]
                new += open_finding(tx, "contract-expired", about, owner=one.study.accountable, at=at)
    return new + _overdue(tx, at=at)


def _overdue(tx: Transaction, *, at: datetime) -> int:
    new = 0
    for request in rights.open_ones(tx):
        if request.is_late(at=at):
            new += open_finding(tx, "deletion-overdue", "rights-requests", owner=OFFICE, at=at)
    late = {task.recipient for task, _ in tasks.listed(tx, only_open=True, limit=500) if at >= task.due_at}
    for recipient in sorted(late):
        new += open_finding(tx, "propagation-overdue", recipient, owner=OFFICE, at=at)
    for tool in governance.tools(tx):
        if tool.needs_review(at=at):
            new += open_finding(tx, "tool-risky", tool.code, owner=tool.owner, at=at)
    return new


def _step(tx: Transaction, study: Study, step: str, *, by: str, role: str, reason: str, at: datetime) -> None:
    if len(reason.strip()) < SHORTEST:
        raise StudyError("say why, in at least a sentence: others must be able to judge it")
    by_hand = [one.step for one in studies.steps(tx, [study.id]).get(study.id, []) if one.code == BY_HAND]
    if (bool(by_hand) and by_hand[-1] == "suspended") == (step == "suspended"):
        raise StudyError(f"nothing to change: the study is {'already' if step == 'suspended' else 'not'} suspended")
    if step == "resumed" and by in study.designers:
        raise RuleError("whoever had a hand in a study cannot let it go on: ask a reviewer")
    _record(tx, study, Step(step, BY_HAND, by, reason.strip(), at), role=role)


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
    studies.add_step(tx, study.id, step, entry=entry)
