"""Keys as one line of text, whatever they sign with.

    example.com/log+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW               public: hand it to verifiers
    PRIVATE+KEY+example.com/log+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz   private: keep it secret

The middle is the key id in hexadecimal; the end is base64 of one byte of signature type and the key.

Source: C2SP signed-note ("vkeys" and key ids); Go's sumdb/note (private keys).
"""

import re
from hashlib import sha256

from audit.errors import FormatError
from audit.log.lines import read_base64, write_base64

KEY_ID_SIZE = 4
SEED_SIZE = 32

_SECRET_PREFIX = "PRIVATE+KEY+"  # noqa: S105 (a label of the text form, not a secret)


def key_id(name: str, key_type: int, public_key: bytes) -> bytes:
    """Compute the 4 bytes that identify a key: SHA-256(name, newline, type, public key)[:4]."""
    return sha256(name.encode() + b"\n" + bytes([key_type]) + public_key).digest()[:KEY_ID_SIZE]


def vkey_text(name: str, key_type: int, public_key: bytes) -> str:
    """Write a public key of any type as name+hash+base64."""
    encoded = write_base64(bytes([key_type]) + public_key)
    return f"{name}+{key_id(name, key_type, public_key).hex()}+{encoded}"


def parse_vkey(text: str) -> tuple[str, int, bytes]:
    """Read a public key of any type: its name, signature type and bytes.

    Raises:
        FormatError: another spelling, or a hash that does not belong to name and key.
    """
    name, stated_id, encoded = _three_parts(text, "vkey")
    material = read_base64(encoded, "vkey")
    if len(material) < 1 + SEED_SIZE:
        raise FormatError("vkey", "the key is too short")
    key_type, public_key = material[0], material[1:]
    if key_id(check_key_name(name), key_type, public_key).hex() != stated_id:
        raise FormatError("vkey", "its hash does not belong to its name and key")
    return name, key_type, public_key


def secret_text(name: str, key_id: bytes, key_type: int, seed: bytes) -> str:
    """Write a private key of any type as PRIVATE+KEY+name+hash+base64."""
    return f"{_SECRET_PREFIX}{name}+{key_id.hex()}+{write_base64(bytes([key_type]) + seed)}"


def parse_secret(text: str) -> tuple[str, bytes, int, bytes]:
    """Read a private key of any type: its name, stated key id, signature type and seed of 32 bytes.

    Raises:
        FormatError: another spelling; the message never repeats the text.
    """
    if not text.startswith(_SECRET_PREFIX):
        raise FormatError("signing key", "it does not start with PRIVATE+KEY+")
    name, stated_id, encoded = _three_parts(text.removeprefix(_SECRET_PREFIX), "signing key")
    material = read_base64(encoded, "signing key")
    if len(material) != 1 + SEED_SIZE or not re.fullmatch(r"[0-9a-f]{8}", stated_id):
        raise FormatError("signing key", "its hash or its key has another length")
    return name, bytes.fromhex(stated_id), material[0], material[1:]


def check_key_name(name: str) -> str:
    """Return the name of a key if a signature line can carry it.

    Raises:
        FormatError: it is empty, or has a space, a plus sign or a control character.
    """
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        raise FormatError(
            "signed-note", "the name of a key is empty, or has a space, a plus sign or a control character"
        )
    return name


def _three_parts(text: str, what: str) -> tuple[str, str, str]:
    name, _, rest = text.partition("+")
    stated_id, plus, encoded = rest.partition("+")
    if not plus:
        raise FormatError(what, "it is not of the form name+hash+base64")
    return name, stated_id, encoded
