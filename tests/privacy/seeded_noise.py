"""A noise source that repeats itself, for tests only: product code cannot import tests."""

import numpy as np

from privacy.samplers import Sampler, Words


class SeededNoise(Sampler):
    def __init__(self, seed: int = 0) -> None:
        self._generator = np.random.default_rng(seed)

    def _words(self, count: int) -> Words:
        return self._generator.integers(0, 2**64, count, dtype=np.uint64, endpoint=False)


class ScriptedNoise(Sampler):
    """Hands out given words first, then seeded ones: for the doubtful cases that chance never shows."""

    def __init__(self, words: list[int]) -> None:
        self._script = list(words)
        self._rest = SeededNoise(1)

    def _words(self, count: int) -> Words:
        taken, self._script = self._script[:count], self._script[count:]
        rest = self._rest._words(count - len(taken))
        return np.concatenate([np.array(taken, dtype=np.uint64), rest])
