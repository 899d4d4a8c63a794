r"""Masks: streams of uniform integers from 32-byte seeds, and the seeds from keys that two sites agreed on.

    pair key    X25519(mine, yours)
    seed        HKDF-SHA256(pair key, salt = digest of the signed list, info = "accord/secure-sum/v1/" use "/" names)
    mask        ChaCha20(seed, nonce 0), read as little-endian words

Each seed is used for one mask of one round, so the constant nonce never repeats under a key.

Source:
    RFC 7748 (X25519), RFC 5869 (HKDF), RFC 8439 (ChaCha20).
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from federated.errors import Refusal, RefusedError

Bits = Literal[32, 64]
Words = npt.NDArray[np.unsignedinteger[Any]]

_DTYPES: dict[int, np.dtype[Any]] = {32: np.dtype("<u4"), 64: np.dtype("<u8")}
_CHUNK = 1 << 16


def dtype_of(bits: Bits) -> np.dtype[Any]:
    """How a ring's integers are held."""
    return _DTYPES[bits]


def agreed(mine: bytes, yours: bytes) -> bytes:
    """The pair key of my private and your public X25519 key.

    Raises:
        RefusedError: `sum-tampered`: a public key of small order, which would make the pair key known to everybody.
    """
    try:
        return X25519PrivateKey.from_private_bytes(mine).exchange(X25519PublicKey.from_public_bytes(yours))
    except ValueError as error:
        raise RefusedError(Refusal.SUM_TAMPERED, "a site's key is none; nothing was sent") from error


def public_of(private: bytes) -> bytes:
    """The public key of a private X25519 key."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def derive(key: bytes, *, salt: bytes, use: str, names: tuple[str, ...] = (), length: int = 32) -> bytes:
    """Bytes for one use only.

    Args:
        key: secret.
        salt: what it is bound to.
        use: what for.
        names: of the sites concerned, in a fixed order; a name holds no newline.
        length: how many bytes.
    """
    info = "\n".join((f"accord/secure-sum/v1/{use}", *names)).encode()
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def add_mask(vector: Words, seed: bytes, *, negative: bool = False) -> None:
    """Add a seed's mask to a vector of the ring, or take it off, in place.

    Args:
        vector: one dimension, contiguous; its type says the ring.
        seed: 32 bytes.
        negative: take it off.
    """
    stream = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    zeros = bytes(min(_CHUNK, vector.size) * vector.itemsize)
    buffer = bytearray(len(zeros))
    words: Words = np.frombuffer(buffer, dtype=vector.dtype)
    for start in range(0, vector.size, _CHUNK):
        piece = vector[start : start + _CHUNK]
        stream.update_into(memoryview(zeros)[: piece.nbytes], buffer)
        if negative:
            piece -= words[: piece.size]
        else:
            piece += words[: piece.size]
