"""The two hashes of a Merkle tree, kept apart by one byte.

Invariant: no leaf hashes like an inner node, because a leaf is prefixed by 0x00 and a node by 0x01.

Source: RFC 6962 section 2.1 (the same in RFC 9162 section 2.1.1), with SHA-256.
"""

import hashlib

HASH_SIZE = 32
"""Length of a hash, in bytes."""

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""Root of the tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Hash the exact bytes of one leaf: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbouring subtrees, 32 bytes each, into one: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()
