r"""Where members stand in a cohort, and the tree over them; many at once, for a million is not rare.

leaf key = SHA-256("accord/cohort-key/v1\n" | run | "\n" | cohort key),   leaf = leaf key | pseudonym | uses
"""

from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from struct import iter_unpack

import numpy as np
from numpy.typing import NDArray

from audit.log.hashing import HASH_SIZE
from audit.log.tree import Frontier, subtree_root

PSEUDONYM_BYTES = 16
RECORD_BYTES = PSEUDONYM_BYTES + 1
_KEY_DOMAIN = b"accord/cohort-key/v1\n"
_KEY_BYTES = 32
_LEAF_BYTES = _KEY_BYTES + RECORD_BYTES

Octets = NDArray[np.uint8]


def leaf_key(run: str, cohort_key: bytes) -> bytes:
    """Where a member stands in the order of a run's cohort; 32 bytes."""
    return sha256(_KEY_DOMAIN + run.encode() + b"\n" + cohort_key).digest()


def leaf_keys(run: str, cohort_keys: Sequence[bytes]) -> Octets:
    """`leaf_key` of many members at once, shape (members, 32)."""
    prefix = _KEY_DOMAIN + run.encode() + b"\n"
    return np.frombuffer(b"".join([sha256(prefix + key).digest() for key in cohort_keys]), dtype=np.uint8).reshape(
        -1, _KEY_BYTES
    )


def leaf_hashes(keys: Octets, body: bytes) -> bytes:
    """The RFC 6962 hashes of a cohort's leaves, joined.

    Args:
        keys: leaf keys in the body's order, shape (members, 32).
        body: the packed members.
    """
    leaves = np.zeros((len(keys), 1 + _LEAF_BYTES), dtype=np.uint8)  # column 0 is the 0x00 of a leaf's hash
    leaves[:, 1 : 1 + _KEY_BYTES] = keys
    leaves[:, 1 + _KEY_BYTES :] = records_of(body)
    return b"".join([sha256(leaf).digest() for (leaf,) in iter_unpack(f"{1 + _LEAF_BYTES}s", leaves.tobytes())])


def order_of(keys: Octets) -> NDArray[np.intp]:
    """The places of leaf keys in their order."""
    words = keys.view(">u8")
    order = np.argsort(words[:, 0], kind="stable")
    first = words[order, 0]
    if (first[1:] == first[:-1]).any():  # eight bytes hardly ever agree; then all 32 decide
        order = np.lexsort(words.T[::-1])
    return order


def in_order(keys: Octets) -> bool:
    """Is each of these leaf keys greater than the one before it?"""
    words = keys.view(">u8")
    if (words[1:, 0] > words[:-1, 0]).all():
        return True
    return all(first.tobytes() < second.tobytes() for first, second in pairwise(keys))


def root_of(keys: Octets, body: bytes) -> bytes:
    """The RFC 6962 root over the leaves of these keys and records, in this order."""
    count, hashes = len(keys), leaf_hashes(keys, body)
    peaks, start = [], 0
    for bit in reversed(range(count.bit_length())):
        if count >> bit & 1:
            stop = start + (HASH_SIZE << bit)
            peaks.append(subtree_root(hashes[start:stop]))
            start = stop
    return Frontier(count, tuple(peaks)).root()


def records_of(body: bytes) -> Octets:
    """A packed body as an array, shape (members, 17)."""
    return np.frombuffer(body, dtype=np.uint8).reshape(-1, RECORD_BYTES)
