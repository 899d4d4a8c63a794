"""Cosignatures: a witness says when it saw a checkpoint, and that it extends everything it saw before.

The signature on the line is an 8-byte time followed by 64 bytes (0x04, Ed25519) or 2,420 bytes (0x06, ML-DSA-44). What
is signed differs:

    0x04   the line "cosignature/v1", the line "time 1679315147", then the whole text of the checkpoint
    0x06   the label "subtree/v1", then name, time, origin, 0, size and root in binary (no extension lines)

ML-DSA-44 (FIPS 204) withstands quantum computers and is the one to choose for new witnesses.

Source: C2SP tlog-cosignature.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit.errors import FormatError, SignatureError
from audit.log.checkpoint import Checkpoint
from audit.log.lines import MAX_SIZE
from audit.log.note import Signature
from audit.log.vkey import check_key_name, key_id, parse_secret, parse_vkey, secret_text, vkey_text

_TIME_SIZE = 8
_NAME_LIMIT = 255


class Algorithm(IntEnum):
    """Signature types of cosigners."""

    ED25519 = 0x04
    ML_DSA_44 = 0x06


class _Kind(NamedTuple):
    """How keys of one algorithm are read and drawn."""

    public_size: int
    public: Callable[[bytes], Ed25519PublicKey | MLDSA44PublicKey]
    private: Callable[[bytes], Ed25519PrivateKey | MLDSA44PrivateKey]
    generate: Callable[[], Ed25519PrivateKey | MLDSA44PrivateKey]


_KINDS = {
    Algorithm.ED25519: _Kind(
        32, Ed25519PublicKey.from_public_bytes, Ed25519PrivateKey.from_private_bytes, Ed25519PrivateKey.generate
    ),
    Algorithm.ML_DSA_44: _Kind(
        1312, MLDSA44PublicKey.from_public_bytes, MLDSA44PrivateKey.from_seed_bytes, MLDSA44PrivateKey.generate
    ),
}


@dataclass(frozen=True)
class CosignerKey:
    """The public half of a cosigner's key.

    Attributes:
        name: the cosigner's name, such as "witness.example/w1".
        algorithm: which kind of cosignature it makes.
        public_key: 32 bytes (Ed25519) or 1,312 bytes (ML-DSA-44).
    """

    name: str
    algorithm: Algorithm
    public_key: bytes

    def __post_init__(self) -> None:
        """Refuse names and keys that no cosignature can carry."""
        check_key_name(self.name)
        size = _KINDS[self.algorithm].public_size
        if len(self.public_key) != size:
            raise FormatError(
                "vkey", f"a key of type {self.algorithm:#04x} has {size} bytes, not {len(self.public_key)}"
            )

    @property
    def key_id(self) -> bytes:
        """SHA-256(name, newline, type, public key)[:4]."""
        return key_id(self.name, self.algorithm, self.public_key)

    def text(self) -> str:
        """Write the vkey: name+hash+base64."""
        return vkey_text(self.name, self.algorithm, self.public_key)

    @classmethod
    def parse(cls, text: str) -> "CosignerKey":
        """Read a vkey of type 0x04 or 0x06.

        Raises:
            FormatError: another spelling or type, or a hash that does not belong to name and key.
        """
        name, key_type, public_key = parse_vkey(text)
        if key_type not in set(Algorithm):
            raise FormatError("vkey", f"the key of a witness is of type 0x04 or 0x06, not {key_type:#04x}")
        return cls(name, Algorithm(key_type), public_key)

    def verify(self, text: bytes, signature: bytes) -> None:
        """Check one cosignature over the text of a checkpoint.

        Raises:
            SignatureError: it is wrong.
            FormatError: the text is not that of a checkpoint.
        """
        message = _message(self.name, self.algorithm, text, cosigned_at(signature))
        try:
            _KINDS[self.algorithm].public(self.public_key).verify(signature[_TIME_SIZE:], message)
        except (InvalidSignature, ValueError):
            raise SignatureError(f"the cosignature by {self.name} is wrong") from None


@dataclass(frozen=True)
class Cosigner:
    """The private half: cosigns checkpoints. It never looks whether they deserve it; `witness` does.

    Attributes:
        name: the cosigner's name.
        private_key: never shown by `repr`. One Ed25519 key must not serve two names.
    """

    name: str
    private_key: Ed25519PrivateKey | MLDSA44PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, name: str, algorithm: Algorithm = Algorithm.ML_DSA_44) -> "Cosigner":
        """Draw a new key."""
        return cls(check_key_name(name), _KINDS[algorithm].generate())

    @classmethod
    def from_seed(cls, name: str, seed: bytes, algorithm: Algorithm) -> "Cosigner":
        """Rebuild a key from the 32 bytes of its seed."""
        return cls(check_key_name(name), _KINDS[algorithm].private(seed))

    @classmethod
    def parse_secret(cls, text: str) -> "Cosigner":
        """Read a key from `secret_text`.

        Raises:
            FormatError: it is not one; the message never repeats the text.
        """
        name, stated_id, key_type, seed = parse_secret(text)
        if key_type not in set(Algorithm):
            raise FormatError("signing key", "it is not the key of a witness (type 0x04 or 0x06)")
        cosigner = cls.from_seed(name, seed, Algorithm(key_type))
        if cosigner.verifier.key_id != stated_id:
            raise FormatError("signing key", "its hash does not belong to its name and key")
        return cosigner

    def secret_text(self) -> str:
        """Write the private key. Keep it as secret as the key."""
        public = self.verifier
        return secret_text(self.name, public.key_id, public.algorithm, self.private_key.private_bytes_raw())

    @property
    def verifier(self) -> CosignerKey:
        """The public half."""
        algorithm = Algorithm.ED25519 if isinstance(self.private_key, Ed25519PrivateKey) else Algorithm.ML_DSA_44
        return CosignerKey(self.name, algorithm, self.private_key.public_key().public_bytes_raw())

    def cosignature_line(self, text: bytes, *, at: int) -> bytes:
        """Cosign the text of a checkpoint as of `at`, in POSIX seconds, and return the whole line.

        Raises:
            FormatError: the text is not that of a checkpoint, or name, origin or time do not fit the format.
        """
        public = self.verifier
        signature = self.private_key.sign(_message(self.name, public.algorithm, text, at))
        return Signature(self.name, public.key_id, at.to_bytes(_TIME_SIZE, "big") + signature).line()


def cosigned_at(signature: bytes) -> int:
    """Read the time of a cosignature, in POSIX seconds; 0 says nothing about time.

    Raises:
        SignatureError: there is no time, or one beyond 2**63 - 1.
    """
    at = int.from_bytes(signature[:_TIME_SIZE], "big")
    if len(signature) <= _TIME_SIZE or at > MAX_SIZE:
        raise SignatureError("a cosignature has no time, or one beyond 2**63 - 1")
    return at


def _message(name: str, algorithm: Algorithm, text: bytes, at: int) -> bytes:
    """Write what is signed."""
    checkpoint = Checkpoint.of_text(text)
    if not 0 <= at <= MAX_SIZE:
        raise FormatError("tlog-cosignature", "the time must be from 0 to 2**63 - 1")
    if algorithm is Algorithm.ED25519:
        return f"cosignature/v1\ntime {at}\n".encode() + text
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if max(len(cosigner), len(origin)) > _NAME_LIMIT:
        raise FormatError("tlog-cosignature", f"name and origin have at most {_NAME_LIMIT} bytes for ML-DSA-44")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes([len(cosigner)]) + cosigner,
            at.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )
