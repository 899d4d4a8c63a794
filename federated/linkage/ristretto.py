"""The group of the private set intersection: hash to ristretto255, and multiply.

Source:
    RFC 9380 section 5.3.1 (expand_message_xmd with SHA-512), RFC 9496 section 4.3.4 (the one-way map), RFC 9497
    section 4.1 (both together, whose test vectors the tests use). The arithmetic is libsodium's, through rbcl.
"""

from hashlib import sha512

from rbcl import (
    crypto_core_ristretto255_from_hash,
    crypto_core_ristretto255_scalar_random,
    crypto_scalarmult_ristretto255,
)

from federated.errors import MalformedError

POINT_BYTES = SCALAR_BYTES = 32
_BLOCK = bytes(128)
_WIDE = 64


def random_scalar() -> bytes:
    """A fresh secret scalar, never zero, from the operating system's entropy."""
    return bytes(crypto_core_ristretto255_scalar_random())


class Hasher:
    """Hash to the group under one domain separation tag.

    Args:
        tag: 1 to 255 bytes that no other use has.
    """

    def __init__(self, tag: bytes) -> None:
        if not 1 <= len(tag) <= 255:
            raise MalformedError("a domain separation tag has 1 to 255 bytes")
        self._tag = tag + bytes([len(tag)])
        self._begun = sha512(_BLOCK)

    def point(self, message: bytes) -> bytes:
        """The group element of a message, 32 bytes; nobody knows its logarithm."""
        return bytes(crypto_core_ristretto255_from_hash(self.expand(message)))

    def expand(self, message: bytes) -> bytes:
        """64 uniform bytes: expand_message_xmd for one block of SHA-512."""
        first = self._begun.copy()
        first.update(message + _WIDE.to_bytes(2, "big") + b"\0" + self._tag)
        return sha512(first.digest() + b"\x01" + self._tag).digest()


def multiply(scalar: bytes, point: bytes) -> bytes:
    """The point added to itself `scalar` times.

    Raises:
        MalformedError: not the canonical encoding of a group element, or the identity.
    """
    if len(point) != POINT_BYTES:
        raise MalformedError("a point has 32 bytes")
    try:
        return bytes(crypto_scalarmult_ristretto255(scalar, point))
    except RuntimeError as error:
        raise MalformedError("not a point of the group: the partner's message is damaged") from error
