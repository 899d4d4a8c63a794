"""Arithmetic with hundreds of bits, for one thread at a time.

mpmath keeps its precision in the context that computes, and the constants behind it (π, ln 2) in globals: two threads
at once would set each other's precision back, and a table of noise or a budget would quietly be made of doubles. So
there is one context of our own, and whoever computes with it has it alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from mpmath.ctx_mp import MPContext

_CONTEXT = MPContext()
_ALONE = RLock()


@contextmanager
def precise(bits: int) -> Iterator[Any]:
    """The functions of mpmath at this many bits, until the block ends; other threads wait."""
    with _ALONE, _CONTEXT.workprec(bits):
        yield _CONTEXT
