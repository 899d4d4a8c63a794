"""From a site's clipped sum to integers of a ring, and from the opened total back.

A sum is rounded to the nearest step of a public grid; the noise is added to the integers, before any mask. The norm
bound inside the protocol: a coordinate beyond what the site's own members can add up to is refused, so that a total
never wraps around.
"""

import numpy as np
import numpy.typing as npt

from federated.errors import MalformedError, Refusal, RefusedError
from federated.secure_sum.masks import Bits, Words, dtype_of

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def to_grid(values: Floats, *, grid: float, most: float) -> Integers:
    """The nearest grid steps.

    Args:
        values: one dimension, finite.
        grid: size of a step, > 0.
        most: no value is further from 0 than this: members x clip norm.

    Raises:
        RefusedError: `internal`: a value is not finite, or beyond the bound; the clip did not hold.
    """
    if not (np.abs(values) <= most * (1 + 1e-9)).all():
        raise RefusedError(Refusal.INTERNAL, "a clipped sum is beyond its bound; nothing was sent")
    return np.rint(values / grid).astype(np.int64)


def to_ring(numbers: Integers, *, bits: Bits) -> Words:
    """Integers as elements of the ring, negative ones from its upper half.

    Raises:
        MalformedError: a number that the ring cannot tell from another one.
    """
    half = 1 << (bits - 1)
    if numbers.size and not (-half <= int(numbers.min()) and int(numbers.max()) < half):
        raise MalformedError(f"a number does not fit a ring of {bits} bits; plan a coarser grid")
    return numbers.astype(np.uint64, copy=True).astype(dtype_of(bits), copy=False)


def from_ring(words: Words) -> Integers:
    """The integers that these elements stand for."""
    signed = words.view(np.dtype(f"<i{words.itemsize}"))
    return np.asarray(signed, dtype=np.int64)
