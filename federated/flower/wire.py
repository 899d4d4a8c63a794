"""One message of Accord in one record of Flower, or in several if it is long.

The bytes of `federated.exchange` travel in a single ConfigRecord: fewer objects for Flower to hash and send, and the
site's outbox can send exactly what it stored. A message above `PART` goes in parts, each asked for and answered by
itself, so no body is ever longer than that, whatever the model; so does a long answer:

    part 1 of n -> have,  part 2 of n -> have,  ...  part n of n -> part 1 of m,  more 2 -> part 2 of m,  ...

Whoever puts parts together knows the SHA-256 of the whole from the first one.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeVar

from flwr.app import ConfigRecord, RecordDict

from federated.errors import MalformedError

RECORD = "accord"
FIELD = "message"
PART = 8 * 1024 * 1024
MOST_PARTS = 128
KEPT = 4
T = TypeVar("T")


def pack(message: bytes) -> RecordDict:
    """Put a whole message into Flower's content."""
    return RecordDict({RECORD: ConfigRecord({FIELD: message})})


def unpack(content: RecordDict) -> bytes:
    """Take a whole message out of Flower's content.

    Raises:
        MalformedError: it holds none, or a part of one.
    """
    record = _record(content)
    message = record.get(FIELD)
    if not isinstance(message, bytes) or "part" in record:
        raise MalformedError("the message of Flower holds no message of Accord")
    return message


def conversation(message: bytes, *, part: int = PART) -> Generator[RecordDict, RecordDict, bytes]:
    """Send a message and bring the answer, in as many steps as their lengths need.

    Yields what to send, is sent what came, and returns the answer.

    Args:
        message: what to say.
        part: the longest body.

    Raises:
        MalformedError: the message is too long for `MOST_PARTS`, or what came are no parts of one answer.
    """
    pieces = _cut(message, part)
    digest = hashlib.sha256(message).hexdigest()
    came = RecordDict()
    for number, piece in enumerate(pieces, start=1):
        came = yield pack(piece) if len(pieces) == 1 else _part(piece, number, len(pieces), digest)
    if "part" not in _record(came):
        return unpack(came)
    answer = Whole()
    for _ in range(MOST_PARTS):  # a hostile site may begin its answer anew for ever
        if (done := answer.take(came)) is not None:
            return done
        came = yield RecordDict({RECORD: ConfigRecord({"more": answer.count + 1})})
    raise MalformedError("the answer does not come to an end")


@dataclass
class Whole:
    """A message that is being put together.

    Attributes:
        digest: of the whole, from the first part; `of`: how many parts it has.
    """

    digest: str = ""
    of: int = 0
    pieces: list[bytes] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many parts are there."""
        return len(self.pieces)

    def take(self, content: RecordDict) -> bytes | None:
        """Add the next part; the whole once it is complete.

        Raises:
            MalformedError: not the next part of this message, or the whole is not what the first part promised.
        """
        record = _record(content)
        piece, number, of, digest = (record.get(name) for name in (FIELD, "part", "of", "digest"))
        if (
            not isinstance(piece, bytes)
            or type(number) is not int
            or type(of) is not int
            or not isinstance(digest, str)
        ):
            raise MalformedError("a part has its number, how many there are, and the digest of the whole")
        if len(piece) > PART:  # or one hostile site could fill the coordinator's memory
            raise MalformedError(f"a part has at most {PART} bytes")
        if number == 1:
            self.digest, self.of, self.pieces = digest, of, []
        if (digest, of) != (self.digest, self.of) or number != self.count + 1 or not 1 <= number <= of <= MOST_PARTS:
            raise MalformedError("this is not the next part of the message")
        self.pieces.append(piece)
        if number < of:
            return None
        whole = b"".join(self.pieces)
        self.pieces = []
        if hashlib.sha256(whole).hexdigest() != digest:
            raise MalformedError("the parts do not make the message that was promised")
        return whole


class Listening:
    """The site's side of conversations: one at a time for each run, the last `KEPT` runs."""

    def __init__(self, *, part: int = PART) -> None:
        self._part = part
        self._coming: OrderedDict[tuple[int, int], Whole] = OrderedDict()
        self._going: OrderedDict[tuple[int, int], list[RecordDict]] = OrderedDict()

    def answer(self, content: RecordDict, site: Callable[[bytes], bytes], *, of: tuple[int, int]) -> RecordDict:
        """What to say to one step of a conversation.

        Args:
            content: what came.
            site: answers whole messages.
            of: run and node, which keep conversations apart.

        Raises:
            MalformedError: it is no step of a conversation that is going on.
        """
        record = _record(content)
        if "more" in record:
            going, number = self._going.get(of, []), record["more"]
            if type(number) is not int or not 1 <= number <= len(going):
                raise MalformedError("there is no such part of an answer")
            return going[number - 1]
        if "part" not in record:
            return self._said(site(unpack(content)), of)
        whole = _kept(self._coming, of, Whole()).take(content)
        if whole is None:
            return RecordDict({RECORD: ConfigRecord({"have": self._coming[of].count})})
        del self._coming[of]
        return self._said(site(whole), of)

    def _said(self, answer: bytes, of: tuple[int, int]) -> RecordDict:
        self._going.pop(of, None)
        pieces = _cut(answer, self._part)
        if len(pieces) == 1:
            return pack(answer)
        digest = hashlib.sha256(answer).hexdigest()
        parts = [_part(piece, number, len(pieces), digest) for number, piece in enumerate(pieces, start=1)]
        return _kept(self._going, of, parts)[0]


def _kept(held: OrderedDict[tuple[int, int], T], of: tuple[int, int], new: T) -> T:
    kept = held.setdefault(of, new)
    while len(held) > KEPT:
        held.popitem(last=False)
    return kept


def _cut(message: bytes, part: int) -> list[bytes]:
    if len(message) > part * MOST_PARTS:
        raise MalformedError(f"a message of {len(message)} bytes is too long; choose a smaller model")
    return [message[start : start + part] for start in range(0, len(message), part)] or [b""]


def _part(piece: bytes, number: int, of: int, digest: str) -> RecordDict:
    return RecordDict({RECORD: ConfigRecord({FIELD: piece, "part": number, "of": of, "digest": digest})})


def _record(content: RecordDict) -> ConfigRecord:
    record = content.get(RECORD)
    return record if isinstance(record, ConfigRecord) else ConfigRecord()
