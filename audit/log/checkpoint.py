"""A checkpoint: what a log signs to say how long it is and what is in it.

    origin of the log
    number of entries, decimal
    root hash, base64

Source: C2SP tlog-checkpoint. Extension lines are read and kept, and never written by Accord: nobody audits them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from audit.errors import FormatError, OriginError
from audit.log.hashing import HASH_SIZE
from audit.log.lines import MAX_SIZE, read_decimal, read_hash, write_base64
from audit.log.note import Signer, Verifier, parse_note, sign_note, verify_note

_FORMAT = "tlog-checkpoint"


@dataclass(frozen=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        origin: the one name of the log, such as "example.com/accord".
        size: number of entries, >= 0.
        root: root hash over them, 32 bytes.
        extensions: further lines, which carry no meaning here.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be written as a checkpoint."""
        if not all((self.origin, *self.extensions)):
            raise FormatError(_FORMAT, "origin and further lines must not be empty")
        if any("\n" in line for line in (self.origin, *self.extensions)):
            raise FormatError(_FORMAT, "origin and further lines are one line each")
        if not 0 <= self.size <= MAX_SIZE:
            raise FormatError(_FORMAT, "the number of entries must be from 0 to 2**63 - 1")
        if len(self.root) != HASH_SIZE:
            raise FormatError(_FORMAT, f"the root has {HASH_SIZE} bytes, not {len(self.root)}")

    def text(self) -> bytes:
        """Write the text that is signed."""
        lines = (self.origin, str(self.size), write_base64(self.root), *self.extensions)
        return "".join(f"{line}\n" for line in lines).encode()

    @classmethod
    def of_text(cls, text: bytes) -> "Checkpoint":
        """Read the text of a note as a checkpoint.

        Raises:
            FormatError: it is not one, or not in its one right spelling.
        """
        lines = text.decode("utf-8").split("\n")
        if len(lines) < 4 or lines.pop():
            raise FormatError(_FORMAT, "it has fewer than three lines, or no final newline")
        origin, size, root, *extensions = lines
        return cls(origin, read_decimal(size, _FORMAT), read_hash(root, _FORMAT), tuple(extensions))


def sign(checkpoint: Checkpoint, *signers: Signer) -> bytes:
    """Write the checkpoint as a note signed by these keys, the log's own first."""
    return sign_note(checkpoint.text(), *signers)


def parse(data: bytes) -> Checkpoint:
    """Read a checkpoint without checking who signed it. Trust nothing of it: see `verify`.

    Raises:
        FormatError: not a note, or not a checkpoint.
    """
    return Checkpoint.of_text(parse_note(data).text)


def verify(data: bytes, *, keys: Iterable[Verifier], origin: str) -> Checkpoint:
    """Read a checkpoint of this log, signed by at least one of these keys.

    Raises:
        FormatError: not a note, or not a checkpoint.
        SignatureError: none of the keys signed it, or one signature is wrong.
        OriginError: it belongs to another log.
    """
    checkpoint = Checkpoint.of_text(verify_note(data, keys))
    if checkpoint.origin != origin:
        raise OriginError(found=checkpoint.origin, expected=origin)
    return checkpoint
