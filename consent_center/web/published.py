"""The published log, read for proofs: which of a member's lines stand in it, and how anybody can check that.

Law: "proof checked" is said only of a proof that was verified just now, from the published tiles, under the log's key.
"""

from dataclasses import dataclass
from pathlib import Path

from audit.errors import LogError, MissingFileError
from audit.log.checkpoint import Checkpoint
from audit.log.hashing import leaf_hash
from audit.log.note import VerifierKey
from audit.log.proofs import Subtrees
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.tlog_policy import Policy, policy_for
from audit.log.tlog_proof import prove_entry


@dataclass(frozen=True)
class Proof:
    """A proof that was just verified.

    Attributes:
        size: entries in the log at the checkpoint it leads to.
        path: hashes from the leaf's sibling up to the child of the root.
        written: the `.tlog-proof` file.
    """

    index: int
    size: int
    digest: str
    path: tuple[bytes, ...]
    written: bytes


@dataclass(frozen=True)
class Head:
    """A published checkpoint that was accepted, and what is below it.

    Attributes:
        note: the signed checkpoint.
        witnesses: names of the witnesses whose cosignatures were verified.
    """

    checkpoint: Checkpoint
    note: bytes
    witnesses: tuple[str, ...]
    subtrees: Subtrees

    def prove(self, leaf: bytes, index: int) -> Proof | None:
        """A verified proof that this leaf stands at this place; None if the checkpoint does not reach it yet.

        Raises:
            LogError: the published log does not agree; somebody has to be alerted.
        """
        if index >= self.checkpoint.size:
            return None
        proof = prove_entry(leaf, index, self.note, self.subtrees)
        return Proof(index, self.checkpoint.size, leaf_hash(leaf).hex(), proof.hashes, proof.text())


@dataclass(frozen=True)
class PublishedLog:
    """A directory of tiles and a checkpoint, and the keys that are believed about it.

    Attributes:
        origin: the log's one name.
        key: the log's own key.
        policy: which witnesses are believed; None asks for none.
    """

    directory: Path
    origin: str
    key: VerifierKey
    policy: Policy | None = None

    def head(self) -> Head | None:
        """The checkpoint that is published now; None if nothing is published yet.

        Raises:
            LogError: what is published is not signed by the log's key, or cannot be read.
        """
        source = DirectorySource(self.directory)
        try:
            note = source.read("checkpoint")
        except MissingFileError:
            return None
        accepted = (self.policy or policy_for(self.key, origin=self.origin)).accept(note, origin=self.origin)
        subtrees = TileSubtrees(accepted.checkpoint.size, source.read)
        return Head(accepted.checkpoint, note, accepted.witnesses, subtrees)


__all__ = ["Head", "LogError", "Proof", "PublishedLog"]
