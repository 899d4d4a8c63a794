"""A reviewer answers a study: yes or no, signed over the digest of its plan."""

from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ApprovalError, SelfApprovalError
from consent_center.studies.lifecycle import Standing, standing
from federated.approvals import Approval, read_approval
from federated.errors import FederatedError
from federated.plan import digest
from federated.signed import Signed

CLOCKS_DIFFER = timedelta(minutes=5)


def approve_study(tx: Transaction, signed: Signed, *, reviewer: str, at: datetime) -> Standing:
    """Check a reviewer's signed answer, keep it, and say where the study stands now.

    Args:
        tx: the transaction.
        signed: the answer as she signed it with her own key.
        reviewer: who presents it; the signature must be hers.
        at: now.

    Raises:
        UnknownReviewerError, UnknownStudyError: somebody or something nobody registered.
        SelfApprovalError: the author answers her own study.
        ApprovalError: another plan, another role, a signature that is not hers, or a no without a reason.
    """
    known = studies.reviewer(tx, reviewer)
    try:
        approval = read_approval(signed, known.key)
    except FederatedError as error:
        raise ApprovalError("this answer is not signed with the reviewer's registered key") from error
    study = studies.get(tx, approval.study)
    if reviewer == study.author:
        raise SelfApprovalError(study.id)
    _check(approval, reviewer=reviewer, role=known.role, organisation=known.organisation)
    if approval.plan_digest != study.plan_digest:
        raise ApprovalError("the answer is about another plan: sign the digest that the study shows")
    if not abs(at - approval.at) <= CLOCKS_DIFFER:
        raise ApprovalError("the answer was signed at another time: sign it again now")
    entry = tx.append(
        Event(
            "study.approved" if approval.answer == "yes" else "study.refused",
            public={
                "study": study.id,
                "plan": study.plan_digest,
                "role": known.role,
                **({"signature": digest(signed.signature)} if approval.answer == "yes" else {"code": "answered-no"}),
            },
            private={"reviewer": reviewer, "reason": approval.reason, "organisation": known.organisation},
        ),
        at=at,
    )
    studies.add_approval(tx, approval, signed, entry=entry)
    answers = [one for one, _ in studies.approvals(tx, study.id)]
    return standing(study, studies.latest_assessment(tx, study.id), answers, at=at)


def _check(approval: Approval, *, reviewer: str, role: str, organisation: str) -> None:
    if (approval.reviewer, approval.role, approval.organisation) != (reviewer, role, organisation):
        raise ApprovalError("the answer names another reviewer, role or organisation than was registered")
    if approval.answer == "no" and not approval.reason.strip():
        raise ApprovalError("a no needs a reason")
