"""One file that proves one entry, for good and offline: `.tlog-proof`.

    c2sp.org/tlog-proof@v1
    extra eyJ2IjoxfQ==
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
    ...

    example.com/log
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — example.com/log hI2DJw...

Accord keeps the exact bytes of the leaf in `extra`, so that the file alone says what it proves. That line is not
signed; it is believed only because its hash is the one that the proof leads from.

Source: C2SP tlog-proof.
"""

from dataclasses import dataclass

from audit.errors import FormatError
from audit.log.checkpoint import parse
from audit.log.hashing import leaf_hash
from audit.log.lines import MAX_SIZE, read_base64, read_decimal, read_hash, write_base64
from audit.log.proofs import Subtrees, inclusion_proof, verify_inclusion
from audit.log.tlog_policy import Accepted, Policy

_FORMAT = "tlog-proof"
_HEADER = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63
_MAX_SIZE = 2_000_000


@dataclass(frozen=True)
class TlogProof:
    """A proof of inclusion with the checkpoint it leads to. Nothing of it is checked yet.

    Attributes:
        index: place of the entry, from 0.
        hashes: from the leaf's sibling up to the child of the root, 32 bytes each.
        checkpoint: the signed checkpoint, as a note.
        extra: the exact bytes of the leaf (or what another application puts there); None if there is no such line.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def text(self) -> bytes:
        """Write the file."""
        extra = [] if self.extra is None else [f"extra {write_base64(self.extra)}"]
        lines = [_HEADER, *extra, f"index {self.index}", *map(write_base64, self.hashes), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> "TlogProof":
        """Read the file.

        Raises:
            FormatError: it is not one, or not in its one right spelling.
        """
        if len(data) > _MAX_SIZE:
            raise FormatError(_FORMAT, f"longer than {_MAX_SIZE} bytes")
        head, blank, checkpoint = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise FormatError(_FORMAT, "it has other characters than ASCII before the checkpoint") from None
        if not blank or lines.pop(0) != _HEADER:
            raise FormatError(_FORMAT, f"it does not start with {_HEADER}, or has no blank line")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = read_base64(lines.pop(0).removeprefix("extra "), _FORMAT)
        if not lines or not lines[0].startswith("index "):
            raise FormatError(_FORMAT, "the line with the index is missing")
        index = read_decimal(lines.pop(0).removeprefix("index "), _FORMAT)
        if len(lines) > _MAX_HASHES:
            raise FormatError(_FORMAT, f"more than {_MAX_HASHES} hashes")
        parse(checkpoint)
        return cls(index, tuple(read_hash(line, _FORMAT) for line in lines), checkpoint, extra)

    def verify(self, leaf: bytes, policy: Policy, *, origin: str) -> Accepted:
        """Check that this leaf is at `index` of the log of this origin, under a checkpoint that the policy accepts.

        Raises:
            FormatError, SignatureError, OriginError, QuorumError: the checkpoint is not to be believed.
            InclusionError: the leaf is not proven to be there.
        """
        accepted = policy.accept(self.checkpoint, origin=origin)
        head = accepted.checkpoint
        verify_inclusion(leaf_hash(leaf), self.index, head.size, self.hashes, head.root)
        return accepted


def prove_entry(leaf: bytes, index: int, checkpoint: bytes, subtrees: Subtrees) -> TlogProof:
    """Make the proof of one entry under this checkpoint, and check it before handing it out.

    Args:
        leaf: the exact bytes of the entry.
        index: its place in the log.
        checkpoint: a checkpoint of the log, whose signatures the caller vouches for, larger than `index`.
        subtrees: where hashes are read.

    Raises:
        InclusionError: this leaf is not at this place, or the tiles were damaged.
    """
    head = parse(checkpoint)
    if not 0 <= index <= MAX_SIZE:
        raise FormatError(_FORMAT, "the index must be from 0 to 2**63 - 1")
    hashes = inclusion_proof(index, head.size, subtrees)
    verify_inclusion(leaf_hash(leaf), index, head.size, hashes, head.root)
    return TlogProof(index, hashes, checkpoint, leaf)
