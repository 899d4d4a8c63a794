"""What is hashed for one event: a leaf without personal data, written in exactly one way.

The laws: equal mappings give equal bytes whatever the order of their keys; `decode_leaf` accepts only what
`encode_leaf` writes; a commitment shows nothing of its payload, and a subject tag differs from entry to entry and is
found only with the member's key.

Source: RFC 8785 (the subset with ASCII keys, integers below 2**53 in size and no other numbers).
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import NoReturn
from uuid import UUID

from audit.errors import CommitmentError, LeafError

MAX_LEAF_SIZE = 65_535
"""Longest leaf in bytes: what the 16-bit length of an entry bundle can say."""

MAX_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exact."""

SALT_SIZE = 32
TAG_SIZE = 16


def encode_leaf(mapping: Mapping[str, object]) -> bytes:
    """Write a leaf: sorted compact JSON, the same bytes as RFC 8785.

    Args:
        mapping: ASCII keys; values are strings, integers, true, false, None, lists or such mappings.

    Raises:
        LeafError: a value has no exact form, or the leaf is longer than 65,535 bytes.
    """
    try:
        _check(mapping)
        leaf = json.dumps(
            mapping, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
        ).encode("utf-8")
    except RecursionError:
        raise LeafError("a leaf must not be nested that deep") from None
    except UnicodeEncodeError:
        raise LeafError("a string of the leaf is not valid Unicode text (a lone surrogate)") from None
    if len(leaf) > MAX_LEAF_SIZE:
        raise LeafError(f"a leaf of {len(leaf)} bytes is longer than {MAX_LEAF_SIZE}; put the rest under a commitment")
    return leaf


def decode_leaf(leaf: bytes) -> dict[str, object]:
    """Read a leaf back, refusing every spelling but the one of `encode_leaf`.

    Raises:
        LeafError: not JSON, not an object, or not in the one right form (order, spaces, escapes, numbers, repeats).
    """
    if len(leaf) > MAX_LEAF_SIZE:
        raise LeafError(f"a leaf of {len(leaf)} bytes is longer than {MAX_LEAF_SIZE}")
    try:
        mapping = json.loads(leaf.decode("utf-8"))
    except (ValueError, RecursionError):
        raise LeafError("the leaf is not JSON in UTF-8") from None
    if not isinstance(mapping, dict):
        raise LeafError("the leaf is not a JSON object")
    if encode_leaf(mapping) != leaf:
        raise LeafError("the leaf is not in canonical form (RFC 8785)")
    return mapping


def commitment(salt: bytes, payload: bytes) -> bytes:
    """Commit to a payload without showing it: SHA-256("commit/v1" || salt || payload).

    Args:
        salt: 32 random bytes, new for every entry; without them the payload could be guessed.
        payload: any bytes.

    Raises:
        CommitmentError: the salt is not 32 bytes long.
    """
    if len(salt) != SALT_SIZE:
        raise CommitmentError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return hashlib.sha256(b"commit/v1" + salt + payload).digest()


def verify_commitment(committed: bytes, salt: bytes, payload: bytes) -> None:
    """Check that salt and payload open this commitment.

    Raises:
        CommitmentError: they do not.
    """
    if not hmac.compare_digest(commitment(salt, payload), committed):
        raise CommitmentError("salt and payload do not open this commitment")


def subject_tag(key: bytes, entry_id: UUID) -> bytes:
    """Mark an entry so that only the holder of the member's tag key finds it: HMAC-SHA-256(key, entry id)[:16].

    Args:
        key: the member's tag key, at least 32 bytes.
        entry_id: the entry's random identifier, so that no two entries carry the same tag.

    Raises:
        LeafError: the key is too short to hide the member.
    """
    if len(key) < SALT_SIZE:
        raise LeafError(f"a tag key has at least {SALT_SIZE} bytes, not {len(key)}")
    return hmac.digest(key, entry_id.bytes, "sha256")[:TAG_SIZE]


def _check(value: object) -> None:
    """Refuse whatever could be written in two ways, or changes when another language reads it."""
    if value is None or isinstance(value, str | bool):
        return
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise LeafError("an integer of the leaf is beyond 2**53 - 1; write it as a string")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not (isinstance(key, str) and key.isascii()):
                raise LeafError("keys of a leaf are ASCII strings")
            _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    else:
        _refuse(value)


def _plain(value: object) -> object:
    """Turn mappings of other types into the one that `json` writes."""
    return dict(value) if isinstance(value, Mapping) else _refuse(value)


def _refuse(value: object) -> NoReturn:
    raise LeafError(f"a leaf holds no {type(value).__name__}; write it as a string or an integer")
