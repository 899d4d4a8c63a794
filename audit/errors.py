"""Everything that can be wrong with a log, as a tree.

LogError
├── LeafError                 a leaf that is not, or would not be, in the one right form
├── CommitmentError           salt and payload do not open this commitment
├── FormatError               bytes that do not follow their specification (names the specification)
├── UnreadableError           a file or an address could not be read at all
│   └── MissingFileError      ... because it is not there
├── VerificationError         well-formed, and false
│   ├── SignatureError        no valid signature, or an invalid one, by a key that must sign
│   ├── OriginError           a checkpoint of another log
│   ├── QuorumError           too few witnesses cosigned
│   ├── InclusionError        this leaf is not at this place of this tree
│   ├── ConsistencyError      the larger tree does not extend the smaller one
│   ├── CorruptLogError       stored tiles or entries do not give the signed root
│   ├── UnknownLogError       a witness is asked about a log it does not watch
│   └── ConflictError         a witness has cosigned another size, or another root
├── ClockError                a witness's clock went back
├── WitnessRefusalError       a witness answered no, or something that cannot be used
└── PublishError              what would be published must not be signed
    ├── ShrinkError           fewer entries than already published
    ├── GapError              entries between the published ones and these are missing
    ├── BusyError             another process is publishing to the same directory
    ├── ForkError             an entry differs from the one already published
    └── RootError             what is published does not lead to the root that the entries have
"""


class LogError(Exception):
    """Anything wrong with a log, a proof or a key."""


class LeafError(LogError):
    """A leaf is not, or would not be, in the one right form."""


class CommitmentError(LogError):
    """Salt and payload do not open this commitment."""


class FormatError(LogError):
    """Bytes do not follow their specification.

    Attributes:
        specification: short name of the specification, such as "signed-note".
        why: what is wrong, in lower case.
    """

    def __init__(self, specification: str, why: str) -> None:
        super().__init__(f"not a valid {specification}: {why}")
        self.specification = specification
        self.why = why


class UnreadableError(LogError):
    """A file or an address could not be read.

    Attributes:
        place: the path or address.
    """

    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"cannot read {place}: {why}")
        self.place = place


class MissingFileError(UnreadableError):
    """A file that the log must have is not there."""

    def __init__(self, place: str) -> None:
        super().__init__(place, "it is not there")


class VerificationError(LogError):
    """The bytes are well-formed, and what they claim is false."""


class SignatureError(VerificationError):
    """A signature that must be there is missing or wrong."""


class OriginError(VerificationError):
    """A checkpoint belongs to another log.

    Attributes:
        found: origin line of the checkpoint.
        expected: origin that was asked for.
    """

    def __init__(self, *, found: str, expected: str) -> None:
        super().__init__(f"the checkpoint is of log {found!r}, not of {expected!r}; check the key, or name the origin")
        self.found = found
        self.expected = expected


class QuorumError(VerificationError):
    """Too few of the required witnesses cosigned a checkpoint.

    Attributes:
        witnesses: names of the witnesses whose cosignatures are valid.
    """

    def __init__(self, *, quorum: str, witnesses: tuple[str, ...]) -> None:
        seen = ", ".join(witnesses) or "nobody"
        super().__init__(f"the policy asks for quorum {quorum!r}, but the checkpoint is cosigned by {seen}")
        self.witnesses = witnesses


class InclusionError(VerificationError):
    """A leaf is not at this place of this tree.

    Attributes:
        index: place of the leaf, from 0.
        size: number of leaves of the tree.
    """

    def __init__(self, why: str, *, index: int, size: int) -> None:
        super().__init__(f"entry {index} is not proven to be in the tree of {size} entries: {why}")
        self.index = index
        self.size = size


class ConsistencyError(VerificationError):
    """The larger tree does not extend the smaller one.

    Attributes:
        old_size: leaves of the smaller tree.
        new_size: leaves of the larger tree.
    """

    def __init__(self, why: str, *, old_size: int, new_size: int) -> None:
        super().__init__(f"the tree of {new_size} entries is not proven to extend the one of {old_size}: {why}")
        self.old_size = old_size
        self.new_size = new_size


class CorruptLogError(VerificationError):
    """Stored tiles or entries do not give the signed root."""


class UnknownLogError(VerificationError):
    """A witness is asked about a log it does not watch."""


class ConflictError(VerificationError):
    """A witness has cosigned another size of this log, or another root of the same size.

    Attributes:
        size: the size it cosigned last.
        fork: True if the log signed two roots for one size, which proves that it lies.
    """

    def __init__(self, *, size: int, fork: bool) -> None:
        why = "the log signed another root for this size" if fork else f"the last size cosigned is {size}"
        super().__init__(why)
        self.size = size
        self.fork = fork


class ClockError(LogError):
    """A witness's clock went back, so that it would sign a time before its last one.

    Attributes:
        at: what the clock says, in POSIX seconds.
        last: the time of the last cosignature.
    """

    def __init__(self, *, at: int, last: int) -> None:
        super().__init__(f"the witness's clock is {last - at} s behind its last cosignature: set the clock right")
        self.at = at
        self.last = last


class WitnessRefusalError(LogError):
    """A witness answered no, or something that cannot be used.

    Attributes:
        witness: its address.
        status: the HTTP status of its answer.
    """

    def __init__(self, why: str, *, witness: str, status: int) -> None:
        super().__init__(f"the witness at {witness} did not cosign: {why}")
        self.witness = witness
        self.status = status


class PublishError(LogError):
    """What would be published must not be signed."""


class ShrinkError(PublishError):
    """The published log is longer than the one offered.

    Attributes:
        published: entries under the published checkpoint.
        offered: entries that were to be signed.
    """

    def __init__(self, *, published: int, offered: int) -> None:
        super().__init__(f"{published} entries are published and {offered} offered: restore the newer database first")
        self.published = published
        self.offered = offered


class GapError(PublishError):
    """Entries between the published ones and the offered ones are missing.

    Attributes:
        published: entries already there.
        start: index of the first entry offered.
    """

    def __init__(self, why: str, *, published: int, start: int) -> None:
        super().__init__(why)
        self.published = published
        self.start = start


class BusyError(PublishError):
    """Another process is publishing to the same directory."""


class ForkError(PublishError):
    """An entry differs from the one already published.

    Attributes:
        index: place of the first entry that differs.
    """

    def __init__(self, *, index: int) -> None:
        super().__init__(f"entry {index} differs from the published one: signing it would make a second history")
        self.index = index


class RootError(PublishError):
    """The published log and the new entries do not give the root that the writer of the entries computed.

    Attributes:
        size: number of entries that would have been signed.
    """

    def __init__(self, *, size: int) -> None:
        super().__init__(f"the published log is not the beginning of these {size} entries: signing would fork it")
        self.size = size
