r"""An approval signed by a passkey: the browser's WebAuthn assertion, checked with `cryptography` alone.

The challenge that the authenticator signs over is a digest of the approval's bytes, so the assertion speaks for
exactly this answer; the person was verified by her device, and the key never left it.

    challenge = SHA-256("accord/approval-passkey/v1\n" + payload)
    signature = over authenticatorData + SHA-256(clientDataJSON), ES256 or Ed25519

Source: Web Authentication Level 3, sections 6.1, 6.3.3 and 7.2.
"""

import base64
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from federated.errors import MalformedError, SignatureError
from federated.signed import Signed, decode, encode

KIND = "approval-passkey/v1"
ApprovalKey = Ed25519PublicKey | EllipticCurvePublicKey
_PREFIX = "p256:"
_USER_PRESENT, _USER_VERIFIED = 0x01, 0x04


def challenge_of(payload: bytes) -> bytes:
    """What the authenticator is asked to sign for these bytes, 32 bytes."""
    return hashlib.sha256(b"accord/approval-passkey/v1\n" + payload).digest()


def signed_by_passkey(payload: bytes, *, authenticator_data: bytes, client_data: bytes, signature: bytes) -> Signed:
    """The document that carries an assertion over these bytes; nothing is checked here."""
    parts = {"authenticator_data": authenticator_data, "client_data": client_data, "signature": signature}
    return Signed(
        kind=KIND,
        payload=payload,
        signature=encode({name: base64.b64encode(value).decode("ascii") for name, value in parts.items()}),
    )


def check_passkey(signed: Signed, key: ApprovalKey) -> bytes:
    """The payload, if the passkey with this key signed it and its device verified a person.

    Raises:
        SignatureError: another key, another payload, nobody verified, or not an assertion.
    """
    try:
        parts = decode(signed.signature)
        data, client, signature = (
            base64.b64decode(parts[name], validate=True) for name in ("authenticator_data", "client_data", "signature")
        )
        said = decode(client)
        challenge = base64.urlsafe_b64decode(said["challenge"] + "=" * (-len(said["challenge"]) % 4))
        kind = said["type"]
    except (MalformedError, ValueError, KeyError, TypeError) as error:
        raise SignatureError("this is no assertion of a passkey") from error
    if kind != "webauthn.get" or not hmac.compare_digest(challenge, challenge_of(signed.payload)):
        raise SignatureError("the passkey signed something else")
    flags = data[32] if len(data) >= 37 else 0
    if flags & (_USER_PRESENT | _USER_VERIFIED) != _USER_PRESENT | _USER_VERIFIED:
        raise SignatureError("the device did not verify who held it")
    message = data + hashlib.sha256(client).digest()
    try:
        if isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature as error:
        raise SignatureError("the pinned passkey did not sign this") from error
    return signed.payload


def key_text(key: ApprovalKey) -> str:
    """A public key as text: 64 hexadecimal digits, or "p256:" and 66 for the compressed point of a passkey."""
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw().hex()
    return _PREFIX + key.public_bytes(Encoding.X962, PublicFormat.CompressedPoint).hex()


def read_key_text(text: str) -> ApprovalKey:
    """Read what `key_text` wrote.

    Raises:
        MalformedError: neither of the two forms.
    """
    try:
        if text.startswith(_PREFIX):
            return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), bytes.fromhex(text.removeprefix(_PREFIX)))
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except (ValueError, TypeError) as error:
        raise MalformedError('a public key is 64 hexadecimal digits, or "p256:" and 66 of them') from error
