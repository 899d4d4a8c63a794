"""Law: tables of noise and budgets are the same however many threads ask for them at once.

Sites of one process, and the requests of a consent centre, are threads; arithmetic beyond doubles keeps its precision
in one place.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import pytest

from privacy.accounting import gaussian_limit
from privacy.precision import precise
from privacy.samplers import _negative_binomial_table, _response_table

THREADS = 4
WORK: tuple[tuple[Callable[..., Any], tuple[Any, ...]], ...] = (
    (_negative_binomial_table.__wrapped__, (Fraction(3, 2), 2)),
    (_response_table.__wrapped__, (Fraction(5, 4), 3)),
    (_negative_binomial_table.__wrapped__, (Fraction(1), 5)),
    (gaussian_limit.__wrapped__, (Fraction(2), Fraction(1, 100_000))),
)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads take turns after every few steps."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_what_is_computed_at_high_precision_is_the_same_in_many_threads(hurried: None) -> None:
    alone = [_same(compute(*of)) for compute, of in WORK]
    together: list[list[Any]] = []
    start = threading.Barrier(THREADS)

    def run() -> None:
        start.wait(30)
        together.append([_same(compute(*of)) for compute, of in WORK for _ in range(3)][::3])

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert together == [alone] * THREADS


def test_arithmetic_has_the_bits_that_it_was_asked_for() -> None:
    """The digits of π, beyond what a double holds; inside another question too, which has its own bits back after."""
    digits = "3.14159265358979323846264338327950288419716939937510582097494459"
    with precise(400) as outer:
        with precise(60) as inner:
            assert inner.nstr(+inner.pi, 63) != digits
        assert outer.nstr(+outer.pi, 63) == digits


def _same(found: Any) -> Any:
    """Something that compares: the thresholds of a table, or a number."""
    return found[1] if isinstance(found, tuple) else found
