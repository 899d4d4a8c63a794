"""One ciphertext layout for everything at rest.

    version(1) | key_id(4) | nonce(12) | ciphertext | tag(16)

AES-256-GCM, a fresh random nonce each time, the header included in the associated data, so that no byte of an
envelope can change and an envelope cannot be moved to another table, column or row.

Limit: one key seals at most 2**32 envelopes (NIST SP 800-38D, section 8.3); a member's key never comes near, and
rotation gives a wrapping key a new generation.
"""

import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from privacy.errors import EnvelopeError, SecretError

VERSION = 1
KEY_BYTES = 32
_HEADER = 1 + 4
_NONCE = 12
_TAG = 16
OVERHEAD = _HEADER + _NONCE + _TAG


@dataclass(frozen=True, slots=True)
class Key:
    """A 256-bit key and the number by which envelopes name it. Never printed.

    Attributes:
        id: 0 to 2**32 - 1; names a generation, says nothing about the key.
        secret: 32 bytes.
    """

    id: int
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if type(self.id) is not int or not 0 <= self.id < 2**32:
            raise SecretError("a key id is a whole number below 2**32")
        if len(bytes(self.secret)) != KEY_BYTES:
            raise SecretError(f"a key has {KEY_BYTES} bytes")

    @classmethod
    def generate(cls, key_id: int | None = None) -> "Key":
        """A fresh random key, with a random id unless one is given."""
        return cls(secrets.randbits(32) if key_id is None else key_id, secrets.token_bytes(KEY_BYTES))


def place(table: str, column: str, row: str) -> bytes:
    """The associated data `table|column|row` that ties a ciphertext to where it is stored.

    Raises:
        SecretError: table or column contains "|", so that two places could read alike.
    """
    if not table or not column or "|" in table + column:
        raise SecretError("table and column name a place: neither may be empty or contain '|'")
    return f"{table}|{column}|{row}".encode()


def seal(key: Key, plaintext: bytes, *, where: bytes) -> bytes:
    """Encrypt `plaintext` for one place.

    Args:
        key: data key.
        plaintext: any bytes.
        where: associated data, see `place`.

    Returns:
        An envelope, 33 bytes longer than the plaintext.
    """
    header = bytes([VERSION]) + key.id.to_bytes(4, "big")
    nonce = secrets.token_bytes(_NONCE)
    return header + nonce + AESGCM(key.secret).encrypt(nonce, plaintext, header + where)


def key_id_of(envelope: bytes) -> int:
    """Which key opens this envelope.

    Raises:
        EnvelopeError: the bytes are no envelope of a known version.
    """
    if len(envelope) < OVERHEAD or envelope[0] != VERSION:
        raise EnvelopeError("not an envelope of a known version: refuse the row and restore it from a good copy")
    return int.from_bytes(envelope[1:5], "big")


def unseal(key: Key, envelope: bytes, *, where: bytes) -> bytes:
    """Decrypt an envelope made for this place with this key.

    Raises:
        EnvelopeError: other bytes, another key, or another place. Which of them is not told.
    """
    if key_id_of(envelope) != key.id:
        raise EnvelopeError("sealed with another key: ask for the key that the envelope names")
    header, nonce, sealed = envelope[:_HEADER], envelope[_HEADER : _HEADER + _NONCE], envelope[_HEADER + _NONCE :]
    try:
        return AESGCM(key.secret).decrypt(nonce, sealed, header + where)
    except InvalidTag:
        raise EnvelopeError("altered, or made for another place: refuse the row and look for its cause") from None
