"""Numbers and base64 in the one right spelling, as the line formats of C2SP want them.

Invariant: what one of these functions accepts, writing the value back gives the same text.
"""

import base64
import binascii
import re

from audit.errors import FormatError
from audit.log.hashing import HASH_SIZE

MAX_SIZE = 2**63 - 1
"""Largest tree size, index or timestamp that the formats allow."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


def read_decimal(text: str, specification: str) -> int:
    """Read a number from 0 to 2**63 - 1 in ASCII decimal without leading zeros, sign or spaces.

    Raises:
        FormatError: any other spelling.
    """
    if not _DECIMAL.fullmatch(text) or (value := int(text)) > MAX_SIZE:
        raise FormatError(specification, f"{text[:40]!r} is not a plain decimal number below 2**63")
    return value


def read_base64(text: str, specification: str) -> bytes:
    """Read standard padded base64 (RFC 4648 section 4), refusing stray characters and stray bits.

    Raises:
        FormatError: any other spelling.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise FormatError(specification, "a value is not standard base64") from None
    if write_base64(data) != text:
        raise FormatError(specification, "a base64 value is not in its one right spelling")
    return data


def write_base64(data: bytes) -> str:
    """Write standard padded base64."""
    return base64.b64encode(data).decode("ascii")


def read_hash(text: str, specification: str) -> bytes:
    """Read one hash of 32 bytes in base64.

    Raises:
        FormatError: another spelling or length.
    """
    data = read_base64(text, specification)
    if len(data) != HASH_SIZE:
        raise FormatError(specification, f"a hash has {HASH_SIZE} bytes, not {len(data)}")
    return data
