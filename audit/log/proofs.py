"""Proofs that a leaf is in a tree, and that a tree extends an older one.

The laws: the inclusion proof of every leaf verifies and that of any other leaf raises; the consistency proof between
any two sizes of one history verifies and that between two histories raises.

Proofs are made over a `Subtrees` reader, so that they come from tiles on a disk, from a database or from memory alike.
A proof that was made is not thereby true: tiles may have been forged. Whoever hands one out verifies it first.

Source: RFC 6962 sections 2.1.1 and 2.1.2 (making), RFC 9162 sections 2.1.3.2 and 2.1.4.2 (checking).
"""

from collections.abc import Sequence
from typing import Protocol

from audit.errors import ConsistencyError, InclusionError
from audit.log.hashing import EMPTY_ROOT, HASH_SIZE, node_hash


class Subtrees(Protocol):
    """Where the hashes of complete subtrees are read from."""

    def subtree(self, level: int, index: int) -> bytes:
        """Return the hash over leaves [index * 2**level, (index + 1) * 2**level), all of which exist."""
        ...


def inclusion_proof(index: int, size: int, subtrees: Subtrees) -> tuple[bytes, ...]:
    """Make the proof that the leaf at `index` is in the tree of `size` leaves.

    Args:
        index: place of the leaf, from 0, < size.
        size: number of leaves of the tree.
        subtrees: where hashes are read; it must hold every complete subtree below `size`.

    Returns:
        Hashes from the leaf's sibling up to the child of the root.

    Raises:
        InclusionError: the tree has no leaf at `index`.
    """
    if not 0 <= index < size:
        raise InclusionError("there is no such entry", index=index, size=size)
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_hash(middle, high, subtrees))
            high = middle
        else:
            path.append(_range_hash(low, middle, subtrees))
            low = middle
    return tuple(reversed(path))


def verify_inclusion(leaf_hash: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf with this hash is at `index` of the tree with this size and root.

    Raises:
        InclusionError: it is not proven to be; nothing may be concluded from the rest.
    """
    if not 0 <= index < size:
        raise InclusionError("there is no such entry", index=index, size=size)
    if any(len(part) != HASH_SIZE for part in (leaf_hash, root, *proof)):
        raise InclusionError("a hash is not 32 bytes long", index=index, size=size)
    inner, border = _steps(index, size)
    if len(proof) != inner + border:
        raise InclusionError(f"the proof has {len(proof)} hashes instead of {inner + border}", index=index, size=size)
    computed = _climb(leaf_hash, proof[:inner], index)
    if _climb_edge(computed, proof[inner:]) != root:
        raise InclusionError("the proof leads to another root", index=index, size=size)


def consistency_proof(old_size: int, new_size: int, subtrees: Subtrees) -> tuple[bytes, ...]:
    """Make the proof that the tree of `new_size` leaves begins with the tree of `old_size` leaves.

    Args:
        old_size: leaves of the smaller tree, >= 0. The proof from the empty tree is empty.
        new_size: leaves of the larger tree, >= old_size. The proof between equal sizes is empty.
        subtrees: where hashes are read.

    Raises:
        ConsistencyError: the old tree is larger than the new one.
    """
    if not 0 <= old_size <= new_size:
        raise ConsistencyError("a log only grows", old_size=old_size, new_size=new_size)
    if old_size == 0:
        return ()
    path: list[bytes] = []
    low, high = 0, new_size
    while old_size < high:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_range_hash(middle, high, subtrees))
            high = middle
        else:
            path.append(_range_hash(low, middle, subtrees))
            low = middle
    if low > 0:
        path.append(_range_hash(low, high, subtrees))
    return tuple(reversed(path))


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Check that the larger tree extends the smaller one without changing a leaf of it.

    Raises:
        ConsistencyError: it is not proven to; one of the two roots may belong to another history.
    """

    def refuse(why: str) -> ConsistencyError:
        return ConsistencyError(why, old_size=old_size, new_size=new_size)

    if not 0 <= old_size <= new_size:
        raise refuse("a log only grows")
    if any(len(part) != HASH_SIZE for part in (old_root, new_root, *proof)):
        raise refuse("a hash is not 32 bytes long")
    if (old_size == 0 and old_root != EMPTY_ROOT) or (old_size == new_size and old_root != new_root):
        raise refuse("two roots for one size")
    if old_size in (0, new_size):
        if proof:
            raise refuse("the proof must be empty here")
        return
    # The proof starts at the last complete subtree of the old tree; if that is the whole old tree, it is not repeated.
    shared = (old_size & -old_size).bit_length() - 1
    inner, border = _steps(old_size - 1, new_size)
    inner -= shared
    steps = list(proof) if old_size.bit_count() > 1 else [old_root, *proof]
    if len(steps) != 1 + inner + border:
        raise refuse(f"the proof has {len(proof)} hashes, which is not the number these sizes need")
    start, below, above = steps[0], steps[1 : 1 + inner], steps[1 + inner :]
    place = (old_size - 1) >> shared
    if _climb_edge(_climb_old(start, below, place), above) != old_root:
        raise refuse("the proof leads to another old root")
    if _climb_edge(_climb(start, below, place), above) != new_root:
        raise refuse("the proof leads to another new root")


def _steps(index: int, size: int) -> tuple[int, int]:
    """Count the hashes of a path: below where it meets the tree's right edge, and along that edge."""
    inner = (index ^ (size - 1)).bit_length()
    return inner, (index >> inner).bit_count()


def _climb(start: bytes, path: Sequence[bytes], place: int) -> bytes:
    """Hash upwards; the bits of `place` say on which side each neighbour is."""
    for level, part in enumerate(path):
        start = node_hash(part, start) if place >> level & 1 else node_hash(start, part)
    return start


def _climb_old(start: bytes, path: Sequence[bytes], place: int) -> bytes:
    """Hash upwards within the old tree, which has no neighbours on the right."""
    for level, part in enumerate(path):
        if place >> level & 1:
            start = node_hash(part, start)
    return start


def _climb_edge(start: bytes, path: Sequence[bytes]) -> bytes:
    """Hash upwards along the right edge, where every neighbour is on the left."""
    for part in path:
        start = node_hash(part, start)
    return start


def _split(count: int) -> int:
    """Return the largest power of two smaller than `count`, which is at least 2."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(low: int, high: int, subtrees: Subtrees) -> bytes:
    """Hash the leaves [low, high); `low` is a multiple of the power of two that covers the range."""
    count = high - low
    if count.bit_count() == 1:
        level = count.bit_length() - 1
        return subtrees.subtree(level, low >> level)
    middle = low + _split(count)
    return node_hash(_range_hash(low, middle, subtrees), _range_hash(middle, high, subtrees))
