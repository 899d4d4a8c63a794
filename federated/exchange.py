r"""What passes between a coordinator and one site, as bytes that both can store and send again unchanged.

Wire form of every message: one line of JSON, a newline, then the blobs that the line counts, one after the other.

    {"blobs": [length, ...], "kind": ..., ...}\n<blob><blob>...

Vectors are little-endian float64 or int64. Nothing here is executable and nothing is trusted: a message that is not
exactly of its form is malformed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from federated.errors import MalformedError, Refusal
from federated.gate import Order
from federated.signed import Signed, decode, encode

Vector = npt.NDArray[np.float64]
Output = npt.NDArray[np.float64] | npt.NDArray[np.int64]

_TYPES: Mapping[str, np.dtype[Any]] = {"f8": np.dtype("<f8"), "i8": np.dtype("<i8")}


@dataclass(frozen=True)
class Opened:
    """A site's yes to an order.

    Attributes:
        nonce: what the consent centre's statement for the next round must carry.
        number: the next round that the site expects.
    """

    run: str
    nonce: str
    number: int


@dataclass(frozen=True)
class RoundRequest:
    """One round asked of one site.

    Attributes:
        statement: the consent centre's signed removals; the site refuses to go without.
        weights: the model's present weights, shape (weights,), possibly empty.
    """

    run: str
    number: int
    statement: Signed | None
    weights: Vector


@dataclass(frozen=True)
class RoundReply:
    """What a site released in a round: noised outputs, and what the hub knows anyway.

    Attributes:
        nonce: for the statement of the next round.
        used_digest: `cohort.members_digest` of the members whom the round's releases were computed over.
        used: how many those are, rows or not.
        removed: how many of the site's cohort are removed by now.
        statement: the consent centre's signed removals under which the site took part.
        outputs: release -> noised vector or counts.
    """

    run: str
    number: int
    nonce: str
    used_digest: str
    used: int
    removed: int
    statement: Signed
    outputs: Mapping[str, Output] = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """A site's no: a code, never the text of an exception."""

    code: Refusal


def frame(header: Mapping[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """Put a header and its blobs into one message."""
    return encode({**header, "blobs": [len(blob) for blob in blobs]}) + b"\n" + b"".join(blobs)


def unframe(message: bytes, *, kind: str) -> tuple[dict[str, Any], list[bytes]]:
    """Take a message apart.

    Raises:
        MalformedError: not a message, or not of this kind.
    """
    line, newline, rest = message.partition(b"\n")
    header = decode(line)
    if not newline or not isinstance(header, dict) or header.pop("kind", None) != kind:
        raise MalformedError(f"not a message of kind {kind}")
    lengths = header.pop("blobs", None)
    if not isinstance(lengths, list) or any(type(length) is not int or length < 0 for length in lengths):
        raise MalformedError("a message counts its blobs")
    if sum(lengths) != len(rest):
        raise MalformedError("a message is as long as its header says")
    ends = np.cumsum([0, *lengths]).tolist()
    return header, [rest[start:end] for start, end in pairwise(ends)]


def kind_of(message: bytes) -> str:
    """The kind of a message: "order", "opened", "round", "reply" or "refused".

    Raises:
        MalformedError: not a message.
    """
    header = decode(message.partition(b"\n")[0])
    kind = header.get("kind") if isinstance(header, dict) else None
    if not isinstance(kind, str):
        raise MalformedError("a message names its kind")
    return kind


def order_bytes(order: Order) -> bytes:
    """An order as a message."""
    signed = (*(header for header, _ in order.tokens), *order.approvals, order.permit, order.cohort)
    header = {"kind": "order", **({"tokens": len(order.tokens)} if order.tokens else {})}
    bodies = [order.plan, order.members, *(body for _, body in order.tokens)]
    return frame(header, [*bodies, *(one.to_text().encode("ascii") for one in signed)])


def parse_order(message: bytes) -> Order:
    """Read an order; nothing in it is checked yet.

    Raises:
        MalformedError: not an order.
    """
    header, blobs = unframe(message, kind="order")
    lists = header.pop("tokens", 0)
    if header or type(lists) is not int or lists < 0 or len(blobs) < 4 + 2 * lists:
        raise MalformedError("an order has a plan, members, approvals, a permit, a cohort, and tokens of its helpers")
    plan, members, *rest = blobs
    signed = [Signed.from_text(text) for text in rest[lists:]]
    *approvals, permit, cohort = signed[lists:]
    return Order(
        plan=plan,
        approvals=tuple(approvals),
        permit=permit,
        cohort=cohort,
        members=members,
        tokens=tuple(zip(signed[:lists], rest[:lists], strict=True)),
    )


def opened_bytes(opened: Opened) -> bytes:
    """A site's yes as a message."""
    return frame({"kind": "opened", "run": opened.run, "nonce": opened.nonce, "number": opened.number})


def parse_opened(message: bytes) -> Opened:
    """Read a site's yes.

    Raises:
        MalformedError: not one.
    """
    header, _ = unframe(message, kind="opened")
    return Opened(**_exactly(header, run=str, nonce=str, number=int))


def request_bytes(request: RoundRequest) -> bytes:
    """A round as a message."""
    statement = [] if request.statement is None else [request.statement.to_text().encode("ascii")]
    header = {"kind": "round", "run": request.run, "number": request.number}
    return frame(header, [request.weights.astype("<f8").tobytes(), *statement])


def parse_request(message: bytes) -> RoundRequest:
    """Read a round that was asked for; nothing in it is checked yet.

    Raises:
        MalformedError: not one.
    """
    header, blobs = unframe(message, kind="round")
    if len(blobs) not in (1, 2):
        raise MalformedError("a round has weights and at most one statement")
    return RoundRequest(
        **_exactly(header, run=str, number=int),
        weights=_vector(blobs[0], "f8"),
        statement=Signed.from_text(blobs[1]) if len(blobs) == 2 else None,
    )


def reply_bytes(reply: RoundReply) -> bytes:
    """What a site released, as the message that its outbox keeps."""
    outputs = blobs_of(reply.outputs)
    header = {
        "kind": "reply",
        "run": reply.run,
        "number": reply.number,
        "nonce": reply.nonce,
        "used_digest": reply.used_digest,
        "used": reply.used,
        "removed": reply.removed,
        "outputs": outputs.codes,
    }
    return frame(header, [reply.statement.to_text().encode("ascii"), *outputs.blobs])


def parse_reply(message: bytes) -> RoundReply:
    """Read what a site released.

    Raises:
        MalformedError: not a reply, or a vector that is not finite.
    """
    header, blobs = unframe(message, kind="reply")
    named = header.pop("outputs", None)
    if not blobs:
        raise MalformedError("a reply holds the statement under which the site took part")
    return RoundReply(
        **_exactly(header, run=str, number=int, nonce=str, used_digest=str, used=int, removed=int),
        statement=Signed.from_text(blobs[0]),
        outputs=arrays_of(named, blobs[1:]),
    )


def refused_bytes(refused: Refused) -> bytes:
    """A site's no as a message."""
    return frame({"kind": "refused", "code": refused.code.value})


def parse_refused(message: bytes) -> Refused:
    """Read a site's no; a code that this version does not know counts as `internal`.

    Raises:
        MalformedError: not a refusal.
    """
    header, _ = unframe(message, kind="refused")
    code = header.get("code")
    return Refused(Refusal(code) if code in {known.value for known in Refusal} else Refusal.INTERNAL)


@dataclass(frozen=True)
class Blobs:
    """Named vectors as the header and the blobs of a message: name -> "f8" or "i8", and their bytes in that order."""

    codes: dict[str, str]
    blobs: list[bytes]


def blobs_of(vectors: Mapping[str, Output]) -> Blobs:
    """Named vectors, by name, as `arrays_of` reads them."""
    named = {name: np.asarray(vectors[name]) for name in sorted(vectors)}
    codes = {name: "i8" if np.issubdtype(one.dtype, np.integer) else "f8" for name, one in named.items()}
    return Blobs(codes, [one.astype(_TYPES[codes[name]], copy=False).tobytes() for name, one in named.items()])


def arrays_of(codes: Any, blobs: Sequence[bytes]) -> dict[str, Output]:
    """The vectors of `blobs_of`.

    Raises:
        MalformedError: not as many as are named, or one is not of whole finite numbers.
    """
    if not isinstance(codes, dict) or len(codes) != len(blobs):
        raise MalformedError("a message names each of its vectors")
    return {name: _vector(blob, code) for (name, code), blob in zip(codes.items(), blobs, strict=True)}


def _exactly(header: Mapping[str, Any], **types: type) -> dict[str, Any]:
    if {*header} != {*types} or any(type(header[name]) is not kind for name, kind in types.items()):
        raise MalformedError(f"a message of this kind has exactly {', '.join(sorted(types))}")
    return dict(header)


def _vector(blob: bytes, code: Any) -> Any:
    if code not in ("f8", "i8") or len(blob) % 8:
        raise MalformedError("a vector is of whole float64 or int64 numbers")
    vector = np.frombuffer(blob, dtype=_TYPES[code]).astype(_TYPES[code].newbyteorder("="))
    if not np.isfinite(vector).all():
        raise MalformedError("a vector holds only finite numbers")
    return vector
