"""A reviewer answers a study: yes or no, signed over the digest of its plan."""

from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import assessments, staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.duties import check_duties, duties_held, duty_of_answer
from consent_center.studies.errors import ApprovalError, SelfApprovalError
from consent_center.studies.lifecycle import Standing
from consent_center.studies.study import Study
from consent_center.workflows._studying import known
from federated.approvals import Approval, Pinned, read_approval
from federated.errors import FederatedError
from federated.plan import digest
from federated.signed import Signed

CLOCKS_DIFFER = timedelta(minutes=5)


def approve_study(tx: Transaction, signed: Signed, *, reviewer: str, at: datetime) -> Standing:
    """Check a reviewer's signed answer, keep it, and say where the study stands now.

    Args:
        tx: the transaction.
        signed: the answer as she signed it with her own key, from a key file or a passkey.
        reviewer: who presents it; the signature must be hers.
        at: now.

    Raises:
        UnknownReviewerError, UnknownStudyError: somebody or something nobody registered.
        SelfApprovalError: somebody who had a hand in the study answers it.
        DutiesError: she holds another duty in this study.
        ApprovalError: another plan, another role, a second role in this study, a signature that is not hers, an
            answer given before, a study that is closed, a reviewer who left, or a no without a reason.
    """
    pinned = studies.reviewer(tx, reviewer)
    try:
        approval = read_approval(signed, pinned.key)
    except FederatedError as error:
        raise ApprovalError("this answer is not signed with the reviewer's registered key") from error
    study = studies.get(tx, approval.study)
    _check(tx, approval, pinned, study, at=at)
    if studies.has_answer(tx, study.id, signed):
        raise ApprovalError("this very answer was given before: sign a new one")
    entry = tx.append(
        Event(
            "study.approved" if approval.answer == "yes" else "study.refused",
            public={
                "study": study.id,
                "plan": study.plan_digest,
                "role": approval.role,
                **({"signature": digest(signed.signature)} if approval.answer == "yes" else {"code": "answered-no"}),
            },
            private={"reviewer": reviewer, "reason": approval.reason, "organisation": pinned.organisation},
        ),
        at=at,
    )
    studies.add_approval(tx, approval, signed, key=pinned, entry=entry)
    return known(tx, study, at=at).standing


def answer_of(
    tx: Transaction, study_id: str, *, reviewer: str, role: str = "", answer: str, reason: str, at: datetime
) -> Approval:
    """A query: the answer that a reviewer would sign now, checked as far as it can be before she signs.

    Raises:
        As `approve_study`, and ApprovalError for an answer that is neither yes nor no.
    """
    pinned = studies.reviewer(tx, reviewer)
    study = studies.get(tx, study_id)
    if answer not in ("yes", "no"):
        raise ApprovalError("an answer is yes or no")
    made = Approval(
        study=study.id,
        plan_digest=study.plan_digest,
        reviewer=reviewer,
        role=role or pinned.role,
        organisation=pinned.organisation,
        answer="yes" if answer == "yes" else "no",
        reason=reason.strip(),
        at=at,
    )
    _check(tx, made, pinned, study, at=at)
    return made


def _check(tx: Transaction, approval: Approval, pinned: Pinned, study: Study, *, at: datetime) -> None:
    if pinned.reviewer in study.designers:
        raise SelfApprovalError(study.id)
    _check_role(tx, approval, pinned, at=at)
    if len(approval.reason.strip()) < 3:
        raise ApprovalError("an answer needs a reason that others can read")
    if approval.plan_digest != study.plan_digest:
        raise ApprovalError("the answer is about another plan: sign the digest that the study shows")
    if at >= study.closes_at:
        raise ApprovalError("the study is closed: nothing of it can be approved any more")
    if not abs(at - approval.at) <= CLOCKS_DIFFER:
        raise ApprovalError("the answer was signed at another time: sign it again now")
    before = [(one.reviewer, one.role) for one, _ in studies.approvals(tx, study.id)]
    if any(reviewer == pinned.reviewer and role != approval.role for reviewer, role in before):
        raise ApprovalError("you answered this study in another role: two roles are two people")
    held = duties_held(
        pinned.reviewer, author=study.author, assessors=assessments.assessors(tx, study.id), answered=before
    )
    check_duties(held, duty_of_answer(approval.role))


def _check_role(tx: Transaction, approval: Approval, pinned: Pinned, *, at: datetime) -> None:
    """Refuse an answer by somebody who is not here, or in a role that is neither hers nor lent to her."""
    person = staff.find(tx, pinned.reviewer)
    if person is not None and not person.is_here(at=at):
        raise ApprovalError("this reviewer has left: ask the one who came after her")
    if person is not None and person.answers_as is None:
        raise ApprovalError("this person no longer reviews: ask somebody whose role it is")
    own = pinned.role if person is None else person.answers_as
    lent = {one.role for one in staff.stand_ins(tx, at=at, stand_in=pinned.reviewer)}
    if approval.reviewer != pinned.reviewer or approval.organisation != pinned.organisation:
        raise ApprovalError("the answer names another reviewer, role or organisation than was registered")
    if approval.role not in {own, *lent}:
        raise ApprovalError("the answer names another reviewer, role or organisation than was registered")
