"""From random words to noise with exactly the law that the price assumes.

Exactness: the discrete samplers decide with 64 random bits and double arithmetic only where no rounding error could
change the outcome; in the rare doubtful case they draw 192 more bits and decide with 400-bit arithmetic. So their
output follows the stated law, not a floating-point neighbour of it. Continuous Gaussian noise is the one exception;
`noise.add_gaussian` says why its release is safe.

Never: a subclass outside `privacy.noise` in the product. A test double with chosen words lives under tests/.
"""

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from privacy.errors import MechanismError
from privacy.precision import precise
from privacy.quantities import exact, is_number

Shape = int | tuple[int, ...]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_CHUNK = 1 << 14
_EXTRA_BITS = 192
_PRECISION = 400
_LARGEST_SCALE = 2.0**40
_LONGEST_TABLE = 1_000_000


class Sampler(ABC):
    """Noise of every kind from independent uniform 64-bit words."""

    @abstractmethod
    def _words(self, count: int) -> Words:
        """`count` fresh uniform words; the array may be overwritten by the next call."""

    def gaussian(self, shape: Shape, std: float) -> Floats:
        """Independent N(0, std²) values.

        One word each: a sign, and 63 bits of the tail probability, so that the spacing of possible values stays below
        2**-21 standard deviations out to 7.5 of them.

        Args:
            shape: of the result.
            std: standard deviation, > 0.
        """
        _check_scale(std, largest=math.inf)
        out = np.empty(shape, dtype=np.float64)
        flat = out.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            piece = flat[start : start + _CHUNK]
            words = self._words(piece.size)
            np.multiply(words >> np.uint64(1), 2.0**-64, out=piece)
            piece += 2.0**-65
            ndtri(piece, out=piece)
            # The lowest bit becomes the sign bit of the double.
            np.bitwise_xor(piece.view(np.uint64), words << np.uint64(63), out=piece.view(np.uint64))
            piece *= std
        return out

    def discrete_gaussian(self, shape: Shape, std: float) -> Integers:
        """Independent integers with P(k) proportional to exp(-k²/(2·std²)).

        Args:
            shape: of the result.
            std: the parameter σ, in grid steps, > 0 and at most 2**40.

        Source:
            Canonne, Kamath, Steinke 2020, "The Discrete Gaussian for Differential Privacy", Algorithm 3.
        """
        _check_scale(std)
        sigma2 = exact(std) ** 2
        scale = math.floor(std) + 1
        rate, centre, twice = Fraction(1, scale), float(sigma2 / scale), float(2 * sigma2)
        out = np.empty(shape, dtype=np.int64)
        flat, filled = out.reshape(-1), 0
        while filled < flat.size:
            tries = self._two_sided(min(2 * (flat.size - filled) + 16, _CHUNK), rate)
            exponents = (np.abs(tries) - centre) ** 2 / twice
            words = self._words(tries.size).copy()
            accept, doubtful = _below_exponential(words, exponents)
            for i in np.flatnonzero(doubtful):
                exponent = (abs(int(tries[i])) - sigma2 / scale) ** 2 / (2 * sigma2)
                accept[i] = self._exactly_below_exponential(int(words[i]), exponent)
            taken = tries[accept][: flat.size - filled]
            flat[filled : filled + taken.size] = taken
            filled += taken.size
        return out

    def discrete_laplace(self, shape: Shape, *, epsilon: float, sensitivity: int = 1) -> Integers:
        """Independent integers with P(k) proportional to exp(-epsilon·|k|/sensitivity).

        Args:
            shape: of the result.
            epsilon: ε of all cells together, for one member, > 0.
            sensitivity: the most one member changes the cells in L1, >= 1.

        Source:
            Ghosh, Roughgarden, Sundararajan 2009, "Universally Utility-Maximizing Privacy Mechanisms", section 2.
        """
        rate = _rate(epsilon, sensitivity)
        out = np.empty(shape, dtype=np.int64)
        flat, filled = out.reshape(-1), 0
        while filled < flat.size:
            taken = self._two_sided(min(2 * (flat.size - filled) + 16, _CHUNK), rate)[: flat.size - filled]
            flat[filled : filled + taken.size] = taken
            filled += taken.size
        return out

    def negative_binomial_share(self, shape: Shape, *, epsilon: float, parties: int, sensitivity: int = 1) -> Integers:
        """One party's share of discrete Laplace noise: `parties` independent shares add up to exactly that law.

        Args:
            shape: of the result.
            epsilon: as in `discrete_laplace`.
            parties: honest shares that surely arrive (sites - colluders - dropouts), >= 1.
            sensitivity: as in `discrete_laplace`.

        Returns:
            NB(1/parties) - NB(1/parties), each with success probability 1 - exp(-epsilon/sensitivity).

        Source:
            Goryczka, Xiong 2017, "A Comprehensive Comparison of Multiparty Secure Additions with Differential
            Privacy", section 5 (divisibility of the geometric mechanism).
        """
        if type(parties) is not int or parties < 1:
            raise MechanismError("parties must be a whole number, 1 or more")
        table = _negative_binomial_table(_rate(epsilon, sensitivity), parties)
        size = int(np.prod(shape, dtype=np.int64))
        return (self._inverse(size, table) - self._inverse(size, table)).reshape(shape)

    def randomised_response(self, answers: Integers, *, epsilon: float, options: int) -> Integers:
        """Keep each answer with probability e^ε/(e^ε + options - 1), else give one of the others, all alike.

        Args:
            answers: true answers, integers 0 .. options - 1.
            epsilon: ε of one answer, > 0.
            options: number of possible answers, >= 2.

        Source:
            Kairouz, Oh, Viswanath 2016, "Extremal Mechanisms for Local Differential Privacy", section 3.2.
        """
        if options < 2 or (answers.size and (answers.min() < 0 or answers.max() >= options)):
            raise MechanismError("answers must be whole numbers from 0 to options - 1, with at least two options")
        table = _response_table(_rate(epsilon, 1), options)
        told: Integers = (answers + self._inverse(answers.size, table).reshape(answers.shape)) % options
        return told

    def _two_sided(self, tries: int, rate: Fraction) -> Integers:
        """At most `tries` discrete Laplace values: minus zero is thrown away, so that zero is not counted twice."""
        magnitude = self._geometric(tries, rate)
        negative = (self._words(tries) & np.uint64(1)).astype(bool)
        signed: Integers = np.where(negative, -magnitude, magnitude)[~(negative & (magnitude == 0))]
        return signed

    def _geometric(self, count: int, rate: Fraction) -> Integers:
        """Integers with P(K >= k) = exp(-k·rate)."""
        words = self._words(count).copy()
        uniform = (words + 0.5) * 2.0**-64
        step = float(rate)
        real = -np.log(uniform) / step
        doubt = (1e-15 + 2.0 / (words + 1.0)) / step + 4e-15 * real
        result: Integers = np.floor(real).astype(np.int64)
        for i in np.flatnonzero(np.floor(real - doubt) != np.floor(real + doubt)):
            result[i] = self._exactly_geometric(int(words[i]), rate)
        return result

    def _exactly_geometric(self, word: int, rate: Fraction) -> int:
        low, bits = word, 64
        while True:
            low, bits = self._more_bits(low, bits)
            with precise(bits + _PRECISION) as mp:
                ends = [
                    int(mp.floor(-mp.log(mp.ldexp(max(end, 1), -bits)) * rate.denominator / rate.numerator))
                    for end in (low, low + 1)
                ]
            if ends[0] == ends[1] and low:
                return ends[0]

    def _exactly_below_exponential(self, word: int, exponent: Fraction) -> bool:
        low, bits = word, 64
        while True:
            low, bits = self._more_bits(low, bits)
            with precise(bits + _PRECISION) as mp:
                limit = mp.ldexp(mp.exp(-mp.mpf(exponent.numerator) / exponent.denominator), bits)
                if low + 1 <= limit:
                    return True
                if low >= limit:
                    return False

    def _inverse(self, count: int, table: "tuple[Words, tuple[int, ...]]") -> Integers:
        """Index of the first threshold above a uniform number; thresholds are in units of 2**-256."""
        tops, thresholds = table
        words = self._words(count).copy()
        index = np.searchsorted(tops, words, side="right").astype(np.int64)
        for i in np.flatnonzero((index > 0) & (tops[index - 1] == words)):
            number, _ = self._more_bits(int(words[i]), 64)
            index[i] = next(k for k, threshold in enumerate(thresholds) if number < threshold)
        return index

    def _more_bits(self, number: int, bits: int) -> tuple[int, int]:
        for word in self._words(_EXTRA_BITS // 64).tolist():
            number = number << 64 | word
        return number, bits + _EXTRA_BITS


def _below_exponential(words: Words, exponents: Floats) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Is word/2**64 below exp(-exponent), and is that in doubt?"""
    limits = np.exp(-exponents)
    uniform = words * 2.0**-64
    return uniform < limits, np.abs(uniform - limits) <= (1 + exponents) * limits * 1e-13 + 2.0**-60


@lru_cache(maxsize=64)
def _negative_binomial_table(rate: Fraction, parties: int) -> "tuple[Words, tuple[int, ...]]":
    if 256 * math.log(2) / float(rate) > _LONGEST_TABLE:
        raise MechanismError("epsilon per unit of sensitivity is too small for divisible noise: use at least 0.0002")
    with precise(_PRECISION) as mp:
        q = mp.exp(-mp.mpf(rate.numerator) / rate.denominator)
        r = mp.mpf(1) / parties
        mass = (1 - q) ** r
        below, masses, k = mp.mpf(0), [], 0
        while mp.ldexp(1 - below, 256) > 1:
            below += mass
            masses.append(int(mp.floor(mp.ldexp(below, 256))))
            mass *= q * (k + r) / (k + 1)
            k += 1
    return _table(masses)


@lru_cache(maxsize=64)
def _response_table(rate: Fraction, options: int) -> "tuple[Words, tuple[int, ...]]":
    with precise(_PRECISION) as mp:
        truth = mp.exp(mp.mpf(rate.numerator) / rate.denominator)
        masses = [int(mp.floor(mp.ldexp((truth + k) / (truth + options - 1), 256))) for k in range(options)]
    return _table(masses)


def _table(thresholds: list[int]) -> "tuple[Words, tuple[int, ...]]":
    """Thresholds in units of 2**-256, the last one being certainty, and their leading words."""
    thresholds[-1] = 1 << 256
    return np.array([threshold >> 192 for threshold in thresholds[:-1]], dtype=np.uint64), tuple(thresholds)


def _rate(epsilon: float, sensitivity: int) -> Fraction:
    if not is_number(epsilon) or epsilon <= 0 or type(sensitivity) is not int or sensitivity < 1:
        raise MechanismError("noise needs epsilon above 0 and a whole sensitivity of 1 or more")
    return exact(epsilon) / sensitivity


def _check_scale(std: float, *, largest: float = _LARGEST_SCALE) -> None:
    if not is_number(std) or not 0 < std <= largest:
        raise MechanismError(
            f"standard deviation must be a finite number above 0 and at most {largest:.3g}, not {std!r}"
        )
