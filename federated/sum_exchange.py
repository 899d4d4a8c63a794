"""What passes between a coordinator and one site in the steps of a sum or an exchange, in the wire form of `exchange`.

Asked of a site, and its answer:

sum-open     statement of removals          -> sum-keys       signed keys
sum-list     everybody's signed keys        -> sum-shares     a sealed share for each other site
sum-round    weights, shares for this site  -> sum-vector     the masked vector
sum-agree    who stayed                     -> sum-survivors  this site's signature (only if somebody left)
sum-unmask   who stayed, signatures         -> sum-reveal     shares

and in those of a randomised exchange, which needs the same form (`site.linking`):

link-open    statement of removals          -> link-keys      a signed key for each partner
link-labels  the helpers' keys              -> link-sealed    labels for each helper, randomised and sealed
link-help    the holder's key, its labels   -> link-answers   bins, randomised and sealed; then what the hub may know
link-bins    what each helper sealed        -> reply          of `exchange`
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from federated.errors import MalformedError
from federated.exchange import Vector, frame, unframe
from federated.secure_sum.masks import Words
from federated.signed import Signed

AskedKind = Literal["sum-open", "sum-list", "sum-round", "sum-agree", "sum-unmask"]
AnsweredKind = Literal["sum-keys", "sum-shares", "sum-survivors", "sum-reveal"]
LinkAskedKind = Literal["link-open", "link-labels", "link-help", "link-bins"]
LinkAnsweredKind = Literal["link-keys", "link-sealed", "link-answers"]
StepKind = AskedKind | AnsweredKind | LinkAskedKind | LinkAnsweredKind
ASKED: tuple[AskedKind, ...] = get_args(AskedKind)
LINK_ASKED: tuple[LinkAskedKind, ...] = get_args(LinkAskedKind)


@dataclass(frozen=True)
class Step:
    """One message of a sum or of a randomised exchange.

    Attributes:
        attempt: of the round, from 1.
        names: sites that the message is about; see the module for which.
        blobs: its contents, in the order of `names` where both are given.
    """

    kind: StepKind
    run: str
    number: int
    attempt: int
    names: tuple[str, ...] = ()
    blobs: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class SumVector:
    """A site's masked vector, and what the hub knows anyway: see `exchange.RoundReply`.

    Attributes:
        lengths: release -> how many of the vector's words are its, in the plan's order.
    """

    run: str
    number: int
    attempt: int
    nonce: str
    used_digest: str
    used: int
    removed: int
    statement: Signed
    lengths: dict[str, int]
    words: Words


def step_bytes(step: Step) -> bytes:
    """A step as a message."""
    header = {
        "kind": step.kind,
        "run": step.run,
        "number": step.number,
        "attempt": step.attempt,
        "names": list(step.names),
    }
    return frame(header, step.blobs)


def parse_step(message: bytes, *, kind: StepKind) -> Step:
    """Read a step; nothing in it is checked yet.

    Raises:
        MalformedError: not one of this kind.
    """
    header, blobs = unframe(message, kind=kind)
    names = header.pop("names", None)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise MalformedError("a step of a secure sum lists names")
    plain = _exactly(header, run=str, number=int, attempt=int)
    return Step(kind=kind, **plain, names=tuple(names), blobs=tuple(blobs))


def vector_bytes(vector: SumVector) -> bytes:
    """A masked vector as a message."""
    header = {
        "kind": "sum-vector",
        "run": vector.run,
        "number": vector.number,
        "attempt": vector.attempt,
        "nonce": vector.nonce,
        "used_digest": vector.used_digest,
        "used": vector.used,
        "removed": vector.removed,
        "lengths": [[name, length] for name, length in vector.lengths.items()],
    }
    return frame(header, [signed_blob(vector.statement), vector.words.astype("<u8", copy=False).tobytes()])


def parse_vector(message: bytes) -> SumVector:
    """Read a masked vector.

    Raises:
        MalformedError: not one.
    """
    header, blobs = unframe(message, kind="sum-vector")
    listed = header.pop("lengths", None)
    plain = _exactly(header, run=str, number=int, attempt=int, nonce=str, used_digest=str, used=int, removed=int)
    try:
        lengths = {str(name): int(length) for name, length in listed or ()}
    except (TypeError, ValueError) as error:
        raise MalformedError("a masked vector says the length of each release") from error
    if len(blobs) != 2 or min(lengths.values(), default=0) < 0 or len(blobs[1]) != 8 * sum(lengths.values()):
        raise MalformedError("a masked vector is as long as its releases, and comes with its statement")
    statement, words = Signed.from_text(blobs[0]), np.frombuffer(blobs[1], dtype="<u8").copy()
    return SumVector(**plain, statement=statement, lengths=lengths, words=words)


def weights_blob(weights: Vector) -> bytes:
    """The model's weights as a blob."""
    return weights.astype("<f8").tobytes()


def weights_of(blob: bytes) -> Vector:
    """The weights in a blob.

    Raises:
        MalformedError: not whole finite numbers.
    """
    if len(blob) % 8 or not np.isfinite(weights := np.frombuffer(blob, dtype="<f8")).all():
        raise MalformedError("weights are whole finite float64 numbers")
    return weights.astype(np.float64)


def signed_blob(signed: Signed) -> bytes:
    """A signed document as a blob."""
    return signed.to_text().encode("ascii")


def _exactly(header: dict[str, Any], **types: type) -> dict[str, Any]:
    if {*header} != {*types} or any(type(header[name]) is not kind for name, kind in types.items()):
        raise MalformedError(f"a step of a secure sum has exactly {', '.join(sorted(types))}")
    return header
