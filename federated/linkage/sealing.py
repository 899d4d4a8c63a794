"""What two sites say to each other in an exchange crosses the hub sealed: it carries bytes that it cannot open.

    key      a fresh X25519 key of each site for each occasion, its public half signed with the key that peers pinned
    sealed   ChaCha20-Poly1305 under HKDF-SHA256(X25519, salt = digest of the occasion, info = use)

The hub knows who is behind each token, so even a randomised label must not be readable there. A key is bound to the
run, the pair, the quarter, the plan, the list of tokens and the consent state; it is worth nothing anywhere else.

Source:
    RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20-Poly1305).
"""

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.errors import MalformedError, Refusal, RefusedError, SignatureError
from federated.linkage.pairing import Pairing
from federated.signed import Signed, check, decode, encode, sign

KIND = "link-key/v1"
Way = Literal["labels", "bins"]
_NONCE = bytes(12)  # each key seals one message


@dataclass(frozen=True)
class Occasion:
    """What a key is for.

    Attributes:
        plan: digest of the plan.
        listed: SHA-256 over the tokens of the pair, in their order.
        consent: the epoch of the statements of removals, the same at both sites.
    """

    run: str
    pairing: Pairing
    plan: str
    listed: str
    consent: int

    @property
    def digest(self) -> bytes:
        """SHA-256 of all of it."""
        return sha256(b"accord/linkage/v1/occasion\n" + encode(asdict(self))).digest()


def advertise(occasion: Occasion, site: str, *, key: Ed25519PrivateKey, secret: bytes) -> Signed:
    """The public half of this site's key for one occasion.

    Args:
        occasion: what for.
        site: this site.
        key: with which it speaks to other sites; they pinned its public half.
        secret: 32 fresh bytes, used for this occasion and never again.
    """
    public = X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()
    return sign(key, kind=KIND, payload=encode({**asdict(occasion), "site": site, "public": public.hex()}))


def partner_key(signed: Signed, occasion: Occasion, partner: str, *, pinned: Ed25519PublicKey) -> bytes:
    """The partner's public key, if it signed it for this very occasion.

    Raises:
        RefusedError: `link-epoch` for another quarter, `link-stale` for another run, list or consent state,
            `link-tampered` for anything else.
    """
    try:
        said = decode(check(signed, pinned, kind=KIND))
        site, public = said.pop("site"), bytes.fromhex(said.pop("public"))
        theirs = Occasion(**{**said, "pairing": Pairing(**said["pairing"])})
    except (SignatureError, MalformedError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(Refusal.LINK_TAMPERED, f"this key is not signed by {partner}") from error
    if theirs.pairing.epoch != occasion.pairing.epoch:
        raise RefusedError(Refusal.LINK_EPOCH, f"{partner} is in {theirs.pairing.epoch}, this is another quarter")
    if (site, theirs.pairing, theirs.plan, len(public)) != (partner, occasion.pairing, occasion.plan, 32):
        raise RefusedError(Refusal.LINK_TAMPERED, f"the key of {partner} was made for something else")
    if theirs != occasion:
        raise RefusedError(Refusal.LINK_STALE, f"the key of {partner} is for another run or list; ask for a new one")
    return public


def seal(message: bytes, occasion: Occasion, way: Way, *, mine: bytes, theirs: bytes) -> bytes:
    """Bytes that only the partner can open.

    Args:
        message: what to say.
        occasion: of both keys.
        way: which of the two messages of an exchange it is.
        mine: this site's secret for the occasion.
        theirs: of `partner_key`.
    """
    return ChaCha20Poly1305(_key(occasion, way, mine, theirs)).encrypt(_NONCE, message, None)


def unseal(sealed: bytes, occasion: Occasion, way: Way, *, mine: bytes, theirs: bytes) -> bytes:
    """What the partner said.

    Raises:
        RefusedError: `link-tampered`: it was sealed for another occasion, or changed on its way.
    """
    try:
        return ChaCha20Poly1305(_key(occasion, way, mine, theirs)).decrypt(_NONCE, sealed, None)
    except InvalidTag as error:
        raise RefusedError(Refusal.LINK_TAMPERED, "what the partner sent cannot be opened; begin anew") from error


def _key(occasion: Occasion, way: Way, mine: bytes, theirs: bytes) -> bytes:
    try:
        agreed = X25519PrivateKey.from_private_bytes(mine).exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError as error:  # a point of small order, which would make the key known to everybody
        raise RefusedError(Refusal.LINK_TAMPERED, "the partner's key is none; nothing was sent") from error
    info = f"accord/linkage/v1/seal/{way}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=occasion.digest, info=info).derive(agreed)
