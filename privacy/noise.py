"""The one source of noise: the operating system's entropy, stretched by ChaCha20.

Laws: nothing seeds it, saves it or copies it; a forked process and every 64 MiB start with fresh entropy; threads
share it under a lock. Whoever needs repeatable noise is a test, and has its own double under tests/.
"""

import math
import os
from threading import Lock
from typing import Never, Protocol, final

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms

from privacy.errors import MechanismError, NotFiniteError
from privacy.quantities import is_number
from privacy.samplers import Floats, Integers, Sampler, Shape, Words

_REKEY_BYTES = 1 << 26
_GRID_BITS = 20


class NoiseSource(Protocol):
    """Noise with exactly the law that a mechanism is priced for. See `Sampler` for arguments and sources."""

    def gaussian(self, shape: Shape, std: float) -> Floats:
        """Independent N(0, std²) values; release them through `add_gaussian`."""

    def discrete_gaussian(self, shape: Shape, std: float) -> Integers:
        """Independent integers with P(k) proportional to exp(-k²/(2·std²))."""

    def discrete_laplace(self, shape: Shape, *, epsilon: float, sensitivity: int = 1) -> Integers:
        """Independent integers with P(k) proportional to exp(-epsilon·|k|/sensitivity)."""

    def negative_binomial_share(self, shape: Shape, *, epsilon: float, parties: int, sensitivity: int = 1) -> Integers:
        """One of `parties` shares that add up to discrete Laplace noise."""

    def randomised_response(self, answers: Integers, *, epsilon: float, options: int) -> Integers:
        """The answers, each kept with probability e^ε/(e^ε + options - 1)."""


@final
class SecureNoise(Sampler):
    """The production source. It takes no argument, so nothing can make it repeat itself."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process = 0
        self._left = 0
        self._stream: CipherContext | None = None

    def _words(self, count: int) -> Words:
        wanted = 8 * count
        with self._lock:
            if self._stream is None or self._process != os.getpid() or self._left < wanted:
                key_and_nonce = os.urandom(48)
                self._stream = Cipher(
                    algorithms.ChaCha20(key_and_nonce[:32], bytes(4) + key_and_nonce[36:]), mode=None
                ).encryptor()
                self._process = os.getpid()
                self._left = max(_REKEY_BYTES, wanted)
            self._left -= wanted
            return np.frombuffer(self._stream.update(bytes(wanted)), dtype="<u8")

    def __reduce__(self) -> Never:
        raise TypeError("a noise source cannot be copied or saved: two copies would draw the same noise")


def add_gaussian(values: npt.ArrayLike, *, std: float, noise: NoiseSource) -> Floats:
    """Release `values` with N(0, std²) on each coordinate.

    Why the low bits tell nothing: the sum is rounded to a public grid (the power of two at or below std/2**20) after
    the noise is added, so what anyone can read is a grid point. Rounding a true Gaussian release is post-processing,
    and the doubles we draw are close enough to a true Gaussian: out to 5 standard deviations each grid point has its
    probability to one part in 10**7 (near the middle, to 3 in 10**10), and all points beyond are wrong by less than
    1e-12 together. Values up to 2**23 standard deviations keep that promise; beyond, a double has no digits left for
    the noise.

    Source:
        Mironov 2012, "On Significance of the Least Significant Bits for Differential Privacy"; Jin, McMurtry,
        Rubinstein, Ohrimenko 2022, "Are We There Yet? Timing and Floating-Point Attacks on Differential Privacy
        Systems" (the attack on Gaussian noise that the grid stops).

    Args:
        values: any shape; finite.
        std: standard deviation of the noise, > 0.
        noise: the source.

    Raises:
        NotFiniteError: values that no noise can hide.
    """
    array = np.asarray(values, dtype=np.float64)
    wrong = int(array.size - np.isfinite(array).sum())
    if wrong:
        raise NotFiniteError(wrong)
    if not is_number(std) or std <= 0:
        raise MechanismError(f"standard deviation must be a finite number above 0, not {std!r}")
    grid = 2.0 ** (math.floor(math.log2(std)) - _GRID_BITS)
    return np.asarray(np.rint((array + noise.gaussian(array.shape, std)) / grid) * grid)
