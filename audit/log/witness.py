"""What a witness does: remember the last checkpoint of every log it watches, and cosign only what extends it.

The law: a witness never cosigns two checkpoints of one log that cannot both be true. So a log that shows two histories
cannot get both cosigned, and whoever asks for cosignatures cannot be shown the other one.

`judge` is the whole rule, without I/O. `Witness` keeps the state and the key: the new checkpoint is on disk before its
cosignature leaves.

Source: C2SP tlog-witness.
"""

import fcntl
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from audit.errors import BusyError, ClockError, ConflictError, FormatError, UnknownLogError
from audit.log.checkpoint import Checkpoint, parse, verify
from audit.log.cosignature import Cosigner, cosigned_at
from audit.log.hashing import EMPTY_ROOT
from audit.log.lines import read_decimal, read_hash, write_base64
from audit.log.note import Verifier, parse_note, signed_by
from audit.log.proofs import verify_consistency

MAX_PROOF_LINES = 63

_FORMAT = "add-checkpoint request"


@dataclass(frozen=True)
class AddCheckpoint:
    """A request to cosign a checkpoint.

    Attributes:
        old_size: the size the log believes this witness cosigned last; 0 if none.
        proof: the consistency proof from there, empty if `old_size` is 0.
        checkpoint: the signed checkpoint, as a note.
    """

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def body(self) -> bytes:
        """Write the body of the request."""
        lines = [f"old {self.old_size}", *map(write_base64, self.proof), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, body: bytes) -> "AddCheckpoint":
        """Read the body of a request.

        Raises:
            FormatError: it is not one.
        """
        head, blank, checkpoint = body.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError:
            raise FormatError(_FORMAT, "it has other characters than ASCII before the checkpoint") from None
        if not blank or not first.startswith("old "):
            raise FormatError(_FORMAT, "it does not start with the old size, or has no blank line")
        if len(lines) > MAX_PROOF_LINES:
            raise FormatError(_FORMAT, f"more than {MAX_PROOF_LINES} hashes")
        old_size = read_decimal(first.removeprefix("old "), _FORMAT)
        parse(checkpoint)
        return cls(old_size, tuple(read_hash(line, _FORMAT) for line in lines), checkpoint)


def judge(
    request: AddCheckpoint, *, logs: Mapping[str, Sequence[Verifier]], latest: Mapping[str, Checkpoint]
) -> Checkpoint:
    """Decide whether a checkpoint may be cosigned.

    Args:
        request: what is asked.
        logs: the keys of every log watched, by origin.
        latest: the checkpoint cosigned last for each origin, where there is one.

    Returns:
        The checkpoint, which extends the latest one and may be cosigned once it is remembered.

    Raises:
        UnknownLogError: nobody asked this witness to watch that log.
        SignatureError: the log did not sign it.
        FormatError: the old size is larger than the new one.
        ConflictError: the witness is at another size, or has another root for this size.
        ConsistencyError: it does not extend the latest one.
    """
    origin = parse(request.checkpoint).origin
    if origin not in logs:
        raise UnknownLogError("this witness does not watch this log; ask its operator to add the log's key")
    checkpoint = verify(request.checkpoint, keys=logs[origin], origin=origin)
    if request.old_size > checkpoint.size:
        raise FormatError(_FORMAT, "the old size is larger than the size of the checkpoint")
    seen = latest.get(origin, Checkpoint(origin, 0, EMPTY_ROOT))
    if request.old_size != seen.size:
        raise ConflictError(size=seen.size, fork=False)
    if checkpoint.size == seen.size and checkpoint.root != seen.root:
        raise ConflictError(size=seen.size, fork=True)
    verify_consistency(
        old_size=seen.size,
        old_root=seen.root,
        new_size=checkpoint.size,
        new_root=checkpoint.root,
        proof=request.proof,
    )
    return checkpoint


class Witness:
    """A witness with its key and its memory on disk; one process at a time, any number of threads.

    Attributes:
        cosigner: its key.
    """

    def __init__(self, directory: Path, cosigner: Cosigner, logs: Mapping[str, Sequence[Verifier]]) -> None:
        """Open the memory in `directory`, made if it does not exist.

        Args:
            directory: holds one file per log with the checkpoint as it was cosigned last, and one with proof of a fork,
                if one was seen.
            cosigner: the witness's key.
            logs: the keys of every log to watch, by origin.

        Raises:
            BusyError: another process is this witness.
            FormatError, SignatureError: a remembered checkpoint was damaged. Only a person can decide what to do then.
        """
        self.cosigner = cosigner
        self._directory = directory
        self._logs = logs
        self._one_at_a_time = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._file = (directory / ".lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise BusyError("another process is running this witness; one memory serves one process") from None
        self._latest: dict[str, Checkpoint] = {}
        self._cosigned_at = 0
        try:
            self._remember()
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Let another process be this witness."""
        self._file.close()

    def add_checkpoint(self, body: bytes, *, at: int) -> bytes:
        """Answer one request: the cosignature line, once the checkpoint is on disk.

        Args:
            body: the body of the request.
            at: now, in POSIX seconds.

        Raises:
            LogError: it is refused; see `judge`.
            ClockError: `at` is before the last cosignature, which would then say less than the truth.
        """
        request = AddCheckpoint.parse(body)
        with self._one_at_a_time:
            try:
                checkpoint = judge(request, logs=self._logs, latest=self._latest)
            except ConflictError as conflict:
                if conflict.fork:
                    self._write(self._place(parse(request.checkpoint).origin, "fork"), request.checkpoint)
                raise
            if at < self._cosigned_at:
                raise ClockError(at=at, last=self._cosigned_at)
            note = parse_note(request.checkpoint)
            line = self.cosigner.cosignature_line(note.text, at=at)
            # Lines of others are not remembered: nobody but the log and this witness may fill this memory.
            known = {(key.name, key.key_id) for key in self._logs[checkpoint.origin]}
            kept = b"".join(one.line() for one in note.signatures if (one.name, one.key_id) in known)
            self._write(self._place(checkpoint.origin, "checkpoint"), note.text + b"\n" + kept + line)
            self._latest[checkpoint.origin] = checkpoint
            self._cosigned_at = at
            return line

    def _remember(self) -> None:
        """Read the last checkpoint of every log, and the time of the last cosignature by the key in use."""
        for origin, keys in self._logs.items():
            place = self._place(origin, "checkpoint")
            if place.exists():
                data = place.read_bytes()
                self._latest[origin] = verify(data, keys=keys, origin=origin)
                note = parse_note(data)
                if signed_by(note, [self.cosigner.verifier]):
                    self._cosigned_at = max(self._cosigned_at, cosigned_at(note.signatures[-1].signature))

    def _place(self, origin: str, kind: str) -> Path:
        """Name the file of one log; origins are free text, so their hash stands for them."""
        return self._directory / f"{sha256(origin.encode()).hexdigest()[:32]}.{kind}"

    def _write(self, place: Path, data: bytes) -> None:
        """Replace a file in one step, durably."""
        temporary = place.with_suffix(".writing")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(place)
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
