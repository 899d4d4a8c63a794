"""The Merkle tree as its right edge: enough to append and to know the root, never to reread.

Invariant: `Frontier` holds one hash per set bit of `size`, of the complete subtrees of that many leaves, largest
first. Appending is binary addition with carries.

Source: RFC 6962 section 2.1 (definition of the root); RFC 9162 section 2.1.2 (the same incrementally).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from audit.log.hashing import EMPTY_ROOT, HASH_SIZE, node_hash

_BLOCK = 256


@dataclass(frozen=True)
class Frontier:
    """The hashes of the complete subtrees that make up a tree.

    Attributes:
        size: number of leaves, >= 0.
        peaks: one hash of 32 bytes per set bit of `size`, of the largest subtree first.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a frontier that no tree has."""
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} peaks, not {len(self.peaks)}")

    def append(self, leaf_hash: bytes) -> "Frontier":
        """Return the tree with one more leaf, given as its hash."""
        return self.extend((leaf_hash,))

    def extend(self, leaf_hashes: Iterable[bytes]) -> "Frontier":
        """Return the tree with these leaves appended, given as their hashes, in order."""
        size, peaks, hashes = self.size, list(self.peaks), list(leaf_hashes)
        start = 0
        while start < len(hashes):
            # A complete subtree is hashed in one go where the tree has a place for it.
            whole = size % _BLOCK == 0 and len(hashes) - start >= _BLOCK
            step = _BLOCK if whole else 1
            carry, bits = subtree_root(b"".join(hashes[start : start + step])), size // step
            while bits & 1:
                carry = node_hash(peaks.pop(), carry)
                bits >>= 1
            peaks.append(carry)
            size, start = size + step, start + step
        return Frontier(size, tuple(peaks))

    def root(self) -> bytes:
        """Compute the root hash: 32 bytes, that of the empty string for the tree without leaves."""
        if not self.peaks:
            return EMPTY_ROOT
        *rest, root = self.peaks
        for peak in reversed(rest):
            root = node_hash(peak, root)
        return root


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """Compute the root of the tree whose leaves have these hashes, in order."""
    return Frontier().extend(leaf_hashes).root()


def subtree_root(hashes: bytes) -> bytes:
    """Compute the root of a complete subtree from its joined hashes, a power of two of them.

    The same as `node_hash` over and over, without cutting the bytes apart and so faster: proofs and verification
    spend their time here.
    """
    while len(hashes) > HASH_SIZE:
        pairs = range(0, len(hashes), 2 * HASH_SIZE)
        hashes = b"".join([sha256(b"\x01" + hashes[i : i + 2 * HASH_SIZE]).digest() for i in pairs])
    return hashes
