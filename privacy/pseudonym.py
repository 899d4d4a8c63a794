"""Names that do not link: the tag of a member in one entry of the log.

Law: a keyed name is HMAC-SHA256 and cannot be found without the key; destroying the key makes it noise.
"""

import hmac

from privacy.errors import SecretError

TAG_BYTES = 16


def subject_tag(member_tag_key: bytes, entry: bytes) -> bytes:
    """The tag of a member in one log entry: another one in every entry, findable only with her key.

    Args:
        member_tag_key: 32 bytes, destroyed when she is erased.
        entry: the 16 bytes of the entry's UUID.

    Returns:
        The first 16 bytes of HMAC-SHA256(member tag key, entry).
    """
    return _mac(member_tag_key, entry)[:TAG_BYTES]


def _mac(key: bytes, message: bytes) -> bytes:
    if len(key) != 32:
        raise SecretError("a keyed name needs a key of 32 bytes")
    return hmac.digest(key, message, "sha256")
