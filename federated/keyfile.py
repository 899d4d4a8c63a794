"""An Ed25519 key of a reviewer or a site in a file of its own, which nobody else can read.

Public keys travel as 64 hexadecimal digits: short enough to be read out over the telephone when they are pinned.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from federated.errors import MalformedError


def create_key(path: Path) -> Ed25519PrivateKey:
    """Make a key and write it to a new file that only its owner can read.

    Raises:
        FileExistsError: there is a file already; a key is never overwritten.
    """
    key = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.flush()
        os.fsync(file.fileno())
    return key


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a key that `create_key` wrote.

    Raises:
        MalformedError: missing, readable by others, or not an Ed25519 key.
    """
    try:
        mode = path.stat().st_mode
        pem = path.read_bytes()
    except OSError as error:
        raise MalformedError(f"cannot read the key file {path.name}; check the path and its owner") from error
    if stat.S_IMODE(mode) & 0o077:
        raise MalformedError(f"the key file {path.name} can be read by others; run chmod 600 on it")
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise MalformedError(f"the file {path.name} holds no private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise MalformedError(f"the key in {path.name} is not an Ed25519 key")
    return key


def public_text(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """The public key as 64 hexadecimal digits."""
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw().hex()


def read_public(text: str) -> Ed25519PublicKey:
    """Read what `public_text` wrote.

    Raises:
        MalformedError: not 64 hexadecimal digits.
    """
    try:
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    except (ValueError, TypeError) as error:
        raise MalformedError("a public key is 64 hexadecimal digits") from error
