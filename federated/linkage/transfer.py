"""A list on its way, in parts: it goes on where it was cut, and a part that was changed is refused.

The sender's whole list has a digest that is known before the first part (`Manifest`, signed by the sender); a part is a
slice of it. What was received is kept in a file; only a complete list with the right digest can be read.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from federated.errors import MalformedError, Refusal, RefusedError

PART_ITEMS = 4096


@dataclass(frozen=True)
class Manifest:
    """What a list is before it has arrived.

    Attributes:
        width: bytes of one item.
        count: items in all.
        digest: SHA-256 of all items in their order, hexadecimal.
    """

    width: int
    count: int
    digest: str

    @classmethod
    def of(cls, items: Sequence[bytes], *, width: int) -> "Manifest":
        """The manifest of a list."""
        return cls(width=width, count=len(items), digest=sha256(b"".join(items)).hexdigest())


def parts(items: Sequence[bytes], *, have: int = 0, size: int = PART_ITEMS) -> Iterator[bytes]:
    """The parts of a list from its `have`-th item on, each of `size` items."""
    for start in range(have, len(items), size):
        yield b"".join(items[start : start + size])


class Arriving:
    """A list that arrives, kept in a file of its own.

    Args:
        path: of the file; what it holds from an earlier try is kept.
        manifest: of the list, checked by the caller.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path, self._manifest = path, manifest
        if not 1 <= manifest.width <= 64 or manifest.count < 1:
            raise MalformedError("a list that is sent has items of 1 to 64 bytes")
        size = path.stat().st_size if path.exists() else 0
        whole = size - size % manifest.width
        if size != whole or size > manifest.width * manifest.count:
            with path.open("ab") as file:  # a part was cut in the middle of an item, or another list was here
                file.truncate(whole if size <= manifest.width * manifest.count else 0)

    @property
    def have(self) -> int:
        """How many items are here: where the sender goes on."""
        return self._path.stat().st_size // self._manifest.width if self._path.exists() else 0

    def add(self, part: bytes, *, at: int) -> None:
        """Keep the next part; it is on the disk when this returns.

        Raises:
            RefusedError: `link-tampered`: not the next part of this list.
        """
        room = (self._manifest.count - self.have) * self._manifest.width
        if at != self.have or not 0 < len(part) <= room or len(part) % self._manifest.width:
            raise RefusedError(Refusal.LINK_TAMPERED, f"this is not the part that follows item {self.have}; send that")
        with self._path.open("ab") as file:
            file.write(part)
            file.flush()
            os.fsync(file.fileno())

    def items(self) -> list[bytes]:
        """The whole list.

        Raises:
            RefusedError: `link-stale` while parts are missing; `link-tampered` if another list was announced: then it
                is thrown away and can be sent again.
        """
        if self.have < self._manifest.count:
            raise RefusedError(
                Refusal.LINK_STALE, f"{self.have} of {self._manifest.count} items are here; go on with the transfer"
            )
        body = self._path.read_bytes()
        if sha256(body).hexdigest() != self._manifest.digest:
            self._path.unlink()
            raise RefusedError(Refusal.LINK_TAMPERED, "this is not the list that was announced; send it again")
        width = self._manifest.width
        return [body[start : start + width] for start in range(0, len(body), width)]
