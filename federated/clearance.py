"""Before a decision reaches a member: the consent centre's signed answer, one for each, bound to the site's nonce.

    site   proposes (pseudonym, kind, commitment) for members whom it scored
    hub    asks the verdict for offers anew, counts her limit, records each commitment in the log, answers
    site   tells or sends only what was cleared, and only while the answer is fresh

The hub learns that a decision was made and a salted commitment to it; the reasons stay at the site.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.gate import FRESH_FOR
from federated.signed import Signed, check, decode, encode

KIND = "clearance/v1"
SALT_BYTES = 16
DecisionKind = Literal["offer", "recommendation", "coupon-refused"]
DECISION_KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)


@dataclass(frozen=True)
class Proposal:
    """A decision that a site wants to make known to a member.

    Attributes:
        pseudonym: hers at this site, hexadecimal.
        commitment: `commitment_of` the decision, hexadecimal.
    """

    pseudonym: str
    kind: DecisionKind
    commitment: str


@dataclass(frozen=True)
class Clearance:
    """The consent centre's answer to some proposals.

    Attributes:
        cleared: commitments that may reach their member now; each has its entry in the log.
        refused: commitment -> why not: the reason code of the verdict, "offer-limit", or "not-enrolled".
    """

    site: str
    nonce: str
    issued_at: datetime
    cleared: tuple[str, ...]
    refused: Mapping[str, str]


class Clearing(Protocol):
    """The consent centre, as a site that wants to tell a member something sees it."""

    def clear(self, site: str, nonce: str, run: str, proposals: Sequence[Proposal]) -> Signed:
        """Answer proposals that rest on the scores of a run; raises `RefusedError` if none of them can be judged."""
        ...


def commitment_of(salt: bytes, decision: Mapping[str, Any]) -> str:
    """A salted commitment to a decision with its reasons: whoever is shown both can check it, nobody else learns it."""
    return hashlib.sha256(b"accord/decision/v1\n" + salt + encode(dict(decision))).hexdigest()


def clearance_bytes(clearance: Clearance) -> bytes:
    """The bytes that the consent centre signs."""
    return encode({**asdict(clearance), "issued_at": clearance.issued_at.isoformat()})


def check_clearance(
    signed: Signed, *, hub_key: Ed25519PublicKey, site: str, nonce: str, proposals: Sequence[Proposal], at: datetime
) -> Clearance:
    """The clearance, if the consent centre gave it just now, to this site, for exactly these proposals.

    Args:
        signed: the answer as it came.
        hub_key: the consent centre's public key, pinned by the site.
        site: this site's own name.
        nonce: what the site sent with its proposals.
        proposals: what it asked.
        at: now, by the site's clock.

    Raises:
        RefusedError: `statement-forged`, `-replayed` or `-stale`.
    """
    try:
        data = decode(check(signed, hub_key, kind=KIND))
        clearance = Clearance(
            **{**data, "issued_at": datetime.fromisoformat(data["issued_at"]), "cleared": tuple(data["cleared"])}
        )
        if clearance.issued_at.tzinfo is None:
            raise MalformedError("a clearance's time needs a zone")
        answered = {*clearance.cleared, *clearance.refused}
    except (SignatureError, MalformedError, TypeError, KeyError, ValueError) as error:
        raise RefusedError(Refusal.STATEMENT_FORGED, "the clearance is not signed by the consent centre") from error
    if (clearance.site, clearance.nonce) != (site, nonce) or answered != {one.commitment for one in proposals}:
        raise RefusedError(Refusal.STATEMENT_REPLAYED, "the clearance is for other proposals")
    if not abs(at - clearance.issued_at) <= FRESH_FOR:
        raise RefusedError(Refusal.STATEMENT_STALE, "the clearance is too old; propose again")
    return clearance
