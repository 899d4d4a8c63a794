"""A reviewer's signed word that a withheld model may be used all the same, for a reason and until a moment.

She signs the model's digest, the verdict and the report that she overrides, with a key that the hub never holds: a key
file, or a passkey in the browser. Another model, another report or another expiry is another statement, so nobody can
stretch what she signed; and whoever reads a report can check it without asking the hub.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from federated import passkey_signature
from federated.errors import MalformedError, SignatureError
from federated.passkey_signature import ApprovalKey
from federated.signed import Signed, check, decode, encode, sign

KIND = "release-override/v1"
LONGEST = timedelta(days=90)
SHORTEST_REASON = 20


@dataclass(frozen=True, slots=True)
class Override:
    """What one reviewer said about one withheld model.

    Attributes:
        model_digest: of exactly this model.
        run: the audit that is overridden, with its `verdict` and the digest of its report.
        verdict: FAIL, INCONCLUSIVE or INSUFFICIENT.
        report_digest: SHA-256 of the report as it was judged.
        reviewer: her identifier with the consent centre, in her role and organisation.
        role: see `reviewer`.
        organisation: see `reviewer`.
        reason: at least a sentence, published in every report of the model.
        at: when she signed, timezone-aware.
        until: when it ends, at most 90 days later.
    """

    model_digest: str
    run: str
    verdict: str
    report_digest: str
    reviewer: str
    role: str
    organisation: str
    reason: str
    at: datetime
    until: datetime


def override_bytes(override: Override) -> bytes:
    """The bytes that a reviewer signs; they say themselves what they are, also where a passkey signs them."""
    moments = {"at": override.at.isoformat(), "until": override.until.isoformat()}
    return encode({"statement": KIND, **asdict(override), **moments})


def sign_override(override: Override, key: Ed25519PrivateKey) -> Signed:
    """Sign an override with the reviewer's own key file."""
    return sign(key, kind=KIND, payload=override_bytes(override))


def read_override(signed: Signed, key: ApprovalKey) -> Override:
    """The override, if this key signed it: with a key file, or as a passkey in the browser.

    Raises:
        SignatureError: it did not.
        MalformedError: signed, but not an override.
    """
    if signed.kind == passkey_signature.KIND:
        data = decode(passkey_signature.check_passkey(signed, key))
    elif isinstance(key, Ed25519PublicKey):
        data = decode(check(signed, key, kind=KIND))
    else:
        raise SignatureError("the registered key is a passkey, and this was not signed by one")
    if not isinstance(data, dict) or data.pop("statement", None) != KIND:
        raise MalformedError("not an override of a release")
    try:
        at, until = (datetime.fromisoformat(data.pop(name)) for name in ("at", "until"))
        override = Override(**{**data, "at": at, "until": until})
    except (TypeError, ValueError, KeyError) as error:
        raise MalformedError("not an override of a release") from error
    if at.tzinfo is None or until.tzinfo is None or not all(isinstance(one, str) for one in data.values()):
        raise MalformedError("an override consists of words, and of moments with a zone")
    return override
