"""Root key -> tenant key -> member data key, each wrapped by the one above.

Laws: rotation rewraps, it never rewrites data. A wrapping key has generations; envelopes name theirs; a destroyed
generation opens nothing any more, which is how erasure reaches backups. A root key is created only by an explicit
call, lives in a file that its owner alone can read, and is never generated because it was missing.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from privacy.envelope import Key, key_id_of, seal, unseal
from privacy.errors import KeyFileError, SecretError, UnknownKeyError

_TITLE = "accord root key v1"


class Wrapper(Protocol):
    """Whatever holds a wrapping key: a file here, an HSM or a cloud KMS elsewhere."""

    def wrap(self, key: Key, *, where: bytes) -> bytes:
        """Seal a key under the current generation, for one place."""

    def unwrap(self, wrapped: bytes, *, where: bytes) -> Key:
        """Open a wrapped key.

        Raises:
            UnknownKeyError: its generation is not held (any more).
            EnvelopeError: altered, or made for another place.
        """

    def rewrap(self, wrapped: bytes, *, where: bytes) -> bytes:
        """The same key under the current generation; unchanged bytes if it already is."""


@dataclass(frozen=True, slots=True)
class KeyRing(Wrapper):
    """Generations of one wrapping key, oldest first; the last wraps, all unwrap.

    The same class serves every level: the root ring wraps tenant keys, a tenant's ring wraps member keys.
    """

    generations: tuple[Key, ...]

    def __post_init__(self) -> None:
        ids = [key.id for key in self.generations]
        if not ids or len({*ids}) != len(ids):
            raise SecretError("a key ring needs at least one generation, each with its own id")

    @property
    def current(self) -> Key:
        """The generation that wraps."""
        return self.generations[-1]

    def wrap(self, key: Key, *, where: bytes) -> bytes:
        """Seal a key under the current generation."""
        return seal(self.current, key.id.to_bytes(4, "big") + key.secret, where=b"key|" + where)

    def unwrap(self, wrapped: bytes, *, where: bytes) -> Key:
        """Open a key wrapped by any generation that is still held."""
        opened = unseal(self._held(key_id_of(wrapped)), wrapped, where=b"key|" + where)
        return Key(int.from_bytes(opened[:4], "big"), opened[4:])

    def rewrap(self, wrapped: bytes, *, where: bytes) -> bytes:
        """The same key under the current generation."""
        return (
            wrapped
            if key_id_of(wrapped) == self.current.id
            else self.wrap(self.unwrap(wrapped, where=where), where=where)
        )

    def rotated(self) -> Self:
        """This ring with one fresh generation on top; rewrap everything, then `without` the old one."""
        fresh = Key.generate()
        while fresh.id in {key.id for key in self.generations}:
            fresh = Key.generate()
        return type(self)((*self.generations, fresh))

    def without(self, key_id: int) -> Self:
        """This ring after a generation was destroyed.

        Raises:
            UnknownKeyError: it is not held.
            SecretError: it is the current one, under which new keys are wrapped.
        """
        if self._held(key_id) is self.current:
            raise SecretError("the current generation cannot be destroyed: rotate first, then rewrap")
        return type(self)(tuple(key for key in self.generations if key.id != key_id))

    def _held(self, key_id: int) -> Key:
        held: Mapping[int, Key] = {key.id: key for key in self.generations}
        if key_id not in held:
            raise UnknownKeyError(key_id)
        return held[key_id]


def create_root_key(path: Path) -> KeyRing:
    """Make a new root key file that only its owner can read.

    Raises:
        KeyFileError: the file exists (a root key is never overwritten) or cannot be written.
    """
    ring = KeyRing((Key.generate(),))
    _write(path, ring, flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    return ring


def replace_root_key(path: Path, ring: KeyRing) -> None:
    """Store a rotated or shortened ring in place of the old one, in one step.

    Raises:
        KeyFileError: there was no root key file, or the new one cannot be written.
    """
    read_root_key(path)
    fresh = path.with_name(path.name + ".new")
    _write(fresh, ring, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    fresh.replace(path)
    _sync_directory(path.parent)


def read_root_key(path: Path) -> KeyRing:
    """Read a root key file. A missing file is an error, never an occasion to make one.

    Raises:
        KeyFileError: missing, readable by group or others, or malformed.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"root key file {path} cannot be read: create one explicitly, or restore it") from error
    if mode & 0o077:
        raise KeyFileError(f"root key file {path} is open to others: chmod 600, and rotate it if anyone could read it")
    title, _, lines = text.partition("\n")
    try:
        if title != _TITLE:
            raise ValueError("title")
        pairs = [line.split(" ") for line in lines.splitlines()]
        return KeyRing(tuple(Key(int(number, 16), base64.b64decode(secret, validate=True)) for number, secret in pairs))
    except (ValueError, SecretError):
        raise KeyFileError(f"root key file {path} is malformed: restore it from its backup") from None


def _write(path: Path, ring: KeyRing, *, flags: int) -> None:
    lines = [_TITLE, *(f"{key.id:08x} {base64.b64encode(key.secret).decode()}" for key in ring.generations)]
    try:
        handle = os.open(path, flags, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        raise KeyFileError(f"root key file {path} exists: a root key is never overwritten") from None
    except OSError as error:
        raise KeyFileError(f"root key file {path} cannot be written") from error
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
