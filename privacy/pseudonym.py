"""Names that do not link: pairwise pseudonyms, cohort keys, subject tags, blind indexes.

Laws: a pseudonym is random, so it can only be linked by whoever stored the pair; unlinking and linking again gives a
new one. A keyed name is HMAC-SHA256 and cannot be found without the key; destroying the key makes it noise.
"""

import hmac
import secrets

from privacy.errors import SecretError

PSEUDONYM_BYTES = 16
TAG_BYTES = 16


def random_pseudonym() -> str:
    """A fresh pairwise pseudonym for one member at one site: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(PSEUDONYM_BYTES)


def site_cohort_key(member_cohort_key: bytes, site: str) -> bytes:
    """The key by which one site recognises one member in a cohort, and by which her absence can be proven.

    One key per site, so that the sites cannot link their members by comparing.

    Args:
        member_cohort_key: 32 bytes, held by the consent centre, destroyed when she is erased.
        site: the site's name.

    Returns:
        HMAC-SHA256(member cohort key, site), 32 bytes; given to the site at enrolment.
    """
    return _mac(member_cohort_key, site.encode())


def subject_tag(member_tag_key: bytes, entry: bytes) -> bytes:
    """The tag of a member in one log entry: another one in every entry, findable only with her key.

    Args:
        member_tag_key: 32 bytes, destroyed when she is erased.
        entry: the 16 bytes of the entry's UUID.

    Returns:
        The first 16 bytes of HMAC-SHA256(member tag key, entry).
    """
    return _mac(member_tag_key, entry)[:TAG_BYTES]


def blind_index(tenant_index_key: bytes, *, table: str, column: str, value: str) -> bytes:
    """A look-up value for an encrypted column: equal values are found, nothing is read.

    Args:
        tenant_index_key: 32 bytes, one per tenant.
        table: together with `column` separates the indexes of different columns.
        column: see `table`.
        value: the exact text to be found again; normalise it before.

    Returns:
        32 bytes.
    """
    if "|" in table + column:
        raise SecretError("table and column name a place: neither may contain '|'")
    return _mac(tenant_index_key, f"blind-index/v1|{table}|{column}|{value}".encode())


def _mac(key: bytes, message: bytes) -> bytes:
    if len(key) != 32:
        raise SecretError("a keyed name needs a key of 32 bytes")
    return hmac.digest(key, message, "sha256")
