"""The general alternative on the same data: a two-tower network, trained by noised full-batch gradients.

The member's tower sees her mix of departments and how much she buys; the other tower is a vector and a bias per item.
Each member brings up to 8 items that she bought and as many that she did not, in one vector clipped to 1 by the
engine's closed form. The noise is that of one place, which trusts whoever holds the table; ours trusts nobody. What
the noised sums are turned into (Adam) is post-processing. Nothing was tuned on the test weeks.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy import sparse

from benchmarks._preference_data import PreferenceData
from federated.models.histories import departments
from federated.models.noise_choice import gaussian_for
from federated.models.ranking import tastes_of
from privacy.clipping_networks import two_tower_clipped_sum
from privacy.networks import Layer
from privacy.noise import SecureNoise, add_gaussian

ROUNDS, RATE, BOUND, DELTA = 30, 0.05, 1.0, 1e-5
OF_EACH, HIDDEN, WIDTH = 8, 32, 16
NOISE = SecureNoise()


def two_tower(data: PreferenceData, task: str, *, epsilon: float | None, seed: int) -> Callable[[slice], np.ndarray]:
    """Scores over the catalogue from a two-tower model of one task.

    Args:
        data: histories until week 44.
        task: categories or products.
        epsilon: of this task's training; None for no clipping bound that matters and no noise.
        seed: of the start and of which items are shown, never of noise.
    """
    rng = np.random.default_rng(seed)
    held = data.histories.held[task]
    x = _described(data)
    codes, items, y = _rows(held, rng)
    widths = (x.shape[1], HIDDEN, WIDTH)
    layers = [Layer(rng.normal(size=(b, a)) / a**0.5, np.zeros(b)) for a, b in pairwise(widths)]
    vectors, bias = rng.normal(size=(held.shape[1], WIDTH)) * 0.1, np.zeros(held.shape[1])
    parts = [*(one for layer in layers for one in (layer.weights, layer.bias)), vectors, bias]
    std = 0.0 if epsilon is None else gaussian_for(bound=BOUND, times=ROUNDS, epsilon=epsilon, delta=DELTA).std
    bound = BOUND if epsilon is not None else 1e6
    first, second = [np.zeros_like(one) for one in parts], [np.zeros_like(one) for one in parts]
    for number in range(1, ROUNDS + 1):
        total = two_tower_clipped_sum(x[codes], items, y, layers, vectors, bias, bound, members=codes).flat()
        if std:
            total = add_gaussian(total, std=std, noise=NOISE)
        start = 0
        for index, part in enumerate(parts):
            gradient = total[start : start + part.size].reshape(part.shape) / len(x)
            start += part.size
            first[index] = 0.9 * first[index] + 0.1 * gradient
            second[index] = 0.99 * second[index] + 0.01 * gradient**2
            m, v = first[index] / (1 - 0.9**number), second[index] / (1 - 0.99**number)
            np.subtract(part, RATE * m / (np.sqrt(v) + 1e-8), out=part)
    return lambda rows: _tower(x[rows], layers) @ vectors.T + bias


def _described(data: PreferenceData) -> np.ndarray:
    """Members' mix of departments, and how many different categories they bought on a public scale."""
    feature = next(one for one in data.features if one.name == "categories")
    held = data.histories.held["categories"]
    sizes = np.minimum(np.log1p(np.diff(held.indptr)) / 6, 1)
    return np.concatenate([tastes_of(held, departments(feature)), sizes[:, None]], axis=1)


def _rows(held: sparse.csr_array, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whose row, which item, bought or not."""
    codes, items, y = [], [], []
    for member in range(held.shape[0]):
        bought = held.indices[held.indptr[member] : held.indptr[member + 1]]
        if not len(bought):
            continue
        chosen = rng.permutation(bought)[:OF_EACH]
        drawn = rng.integers(held.shape[1], size=3 * OF_EACH)
        other = drawn[~np.isin(drawn, bought)][: len(chosen)]
        codes.append(np.full(len(chosen) + len(other), member))
        items.append(np.concatenate([chosen, other]))
        y.append(np.concatenate([np.ones(len(chosen)), np.zeros(len(other))]))
    return np.concatenate(codes), np.concatenate(items), np.concatenate(y)


def _tower(x: np.ndarray, layers: list[Layer]) -> np.ndarray:
    for number, layer in enumerate(layers):
        x = np.maximum(x, 0) if number else x
        x = x @ layer.weights.T + layer.bias
    return x
