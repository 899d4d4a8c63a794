"""A reviewer's signed yes or no to one plan.

She signs the digest of the plan's bytes with a key that the hub never holds; sites pin her public key, her role and
her organisation, and count for themselves. Any change of the plan is another digest, so it voids every approval.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated import passkey_signature
from federated.errors import MalformedError, SignatureError
from federated.passkey_signature import ApprovalKey
from federated.signed import Signed, check, decode, encode, sign

KIND = "approval/v1"
Answer = Literal["yes", "no"]


@dataclass(frozen=True)
class Approval:
    """What one reviewer said about one plan.

    Attributes:
        reviewer: her identifier with the consent centre.
        role: the role she answered in: "legal", "technology", "members-representative", "ethics", or "site:NAME".
        answer: yes or no; a no carries a reason.
        at: when she signed, timezone-aware.
    """

    study: str
    plan_digest: str
    reviewer: str
    role: str
    organisation: str
    answer: Answer
    reason: str
    at: datetime


@dataclass(frozen=True)
class Pinned:
    """A reviewer as a site knows her: by key file or passkey, fetched out of band, never through the hub."""

    reviewer: str
    role: str
    organisation: str
    key: ApprovalKey


def approval_bytes(approval: Approval) -> bytes:
    """The bytes that a reviewer signs."""
    return encode({**asdict(approval), "at": approval.at.isoformat()})


def sign_approval(approval: Approval, key: Ed25519PrivateKey) -> Signed:
    """Sign an approval with the reviewer's own key."""
    return sign(key, kind=KIND, payload=approval_bytes(approval))


def read_approval(signed: Signed, key: ApprovalKey) -> Approval:
    """The approval, if this key signed it: with a key file, or as a passkey in the browser.

    Raises:
        SignatureError: it did not.
        MalformedError: signed, but not an approval.
    """
    if signed.kind == passkey_signature.KIND:
        data = decode(passkey_signature.check_passkey(signed, key))
    elif isinstance(key, Ed25519PublicKey):
        data = decode(check(signed, key, kind=KIND))
    else:
        raise SignatureError("the pinned key is a passkey, and this was not signed by one")
    try:
        approval = Approval(**{**data, "at": datetime.fromisoformat(data["at"])})
    except (TypeError, ValueError, KeyError) as error:
        raise MalformedError("not an approval") from error
    if approval.answer not in ("yes", "no") or approval.at.tzinfo is None:
        raise MalformedError("an approval says yes or no, at a time with a zone")
    return approval


def agreed_roles(approvals: Iterable[Approval]) -> frozenset[str]:
    """The roles in which somebody's latest word is yes and nobody's latest word is no.

    Of two answers of one reviewer the later counts; at the same moment, the no.
    """
    latest: dict[tuple[str, str], Approval] = {}
    for approval in sorted(approvals, key=lambda one: (one.at, one.answer == "no")):
        latest[approval.reviewer, approval.role] = approval
    refused = {approval.role for approval in latest.values() if approval.answer == "no"}
    return frozenset({approval.role for approval in latest.values()} - refused)


def missing_roles(
    documents: Iterable[Signed], *, plan_digest: str, required: Iterable[str], pinned: Mapping[str, Pinned], author: str
) -> tuple[str, ...]:
    """Which required roles have no valid yes to exactly this plan.

    A document counts only if a pinned reviewer signed it with her pinned key, in her pinned role and organisation,
    over this digest, and is not the author.

    Args:
        documents: signed approvals in any order; what does not verify is ignored.
        plan_digest: SHA-256 of the plan's bytes.
        required: the roles that must have said yes.
        pinned: reviewer -> what this site pinned about her.
        author: who filed the study; her own approval never counts.

    Returns:
        The missing roles, sorted; empty means approved.
    """
    heard: list[Approval] = []
    for document in documents:
        try:
            named = decode(document.payload).get("reviewer", "")
            known = pinned[named]
            approval = read_approval(document, known.key)
        except (KeyError, AttributeError, TypeError, MalformedError, SignatureError):
            continue
        pinned_as = (known.reviewer, known.role, known.organisation)
        same = (approval.reviewer, approval.role, approval.organisation) == pinned_as
        if same and approval.plan_digest == plan_digest and approval.reviewer != author:
            heard.append(approval)
    return tuple(sorted(set(required) - agreed_roles(heard)))
