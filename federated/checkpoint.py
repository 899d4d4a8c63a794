"""What a coordinator needs to go on with a run after a crash: the noised totals of each round that was settled.

A model's state is post-processing of noised totals, so the totals of the settled rounds, taken one after the other,
give exactly the state that was lost. They are sums over the sites: a checkpoint holds no single site's update.

Invariant: a round and its checkpoint are settled in one transaction, so there is never one without the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from federated.errors import MalformedError
from federated.exchange import Output, arrays_of, blobs_of, frame, unframe
from federated.models.model import Vector


@dataclass(frozen=True)
class Checkpoint:
    """What one settled round adds to the run.

    Attributes:
        number: the round's.
        totals: release -> noised sum over the sites.
        copies: how many full noises each sum of counts carries.
        canaries: site -> the scores of its canaries so far; empty if the plan has none.
        seen: release -> how often its canaries were observed so far.
    """

    number: int
    totals: Mapping[str, Output]
    copies: float = 1.0
    canaries: Mapping[str, Vector] = field(default_factory=dict)
    seen: Mapping[str, int] = field(default_factory=dict)


def checkpoint_bytes(checkpoint: Checkpoint) -> bytes:
    """A checkpoint as the consent centre keeps it."""
    totals, canaries = blobs_of(checkpoint.totals), blobs_of(checkpoint.canaries)
    header = {
        "kind": "checkpoint",
        "number": checkpoint.number,
        "totals": totals.codes,
        "canaries": canaries.codes,
        "copies": float(checkpoint.copies),
        "seen": dict(checkpoint.seen),
    }
    return frame(header, [*totals.blobs, *canaries.blobs])


def parse_checkpoint(payload: bytes) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        MalformedError: not one.
    """
    header, blobs = unframe(payload, kind="checkpoint")
    kinds = {"number": int, "totals": dict, "canaries": dict, "copies": float, "seen": dict}
    if {*header} != {*kinds} or any(type(header[name]) is not kind for name, kind in kinds.items()):
        raise MalformedError("a checkpoint has a number, totals, copies and what its canaries saw")
    cut = len(header["totals"])
    if any(type(times) is not int for times in header["seen"].values()):
        raise MalformedError("a checkpoint counts what its canaries saw in whole numbers")
    return Checkpoint(
        number=header["number"],
        totals=arrays_of(header["totals"], blobs[:cut]),
        copies=header["copies"],
        canaries={site: np.asarray(one) for site, one in arrays_of(header["canaries"], blobs[cut:]).items()},
        seen=header["seen"],
    )


def in_order(payloads: tuple[bytes, ...], *, rounds: int) -> tuple[Checkpoint, ...]:
    """The checkpoints of a run's first rounds.

    Raises:
        MalformedError: one is missing, or there are more than the run has rounds.
    """
    read = tuple(parse_checkpoint(payload) for payload in payloads)
    if [one.number for one in read] != [*range(1, len(read) + 1)] or len(read) > rounds:
        raise MalformedError("the checkpoints are not those of this run's first rounds; admit a new run")
    return read
