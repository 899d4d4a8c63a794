"""How fast noise is drawn and certificates are computed, one thread.

Gaussian noise from the product's source beside numpy's seedable generator and torch's; exact integer noise beside it;
and the certificate of a year of a thousand different rounds and a few counts.
"""

import time
from collections.abc import Callable

import numpy as np

from privacy.certificate import PldCertificate
from privacy.mechanism import DiscreteLaplace, Gaussian, RandomisedResponse
from privacy.noise import SecureNoise, add_gaussian

DRAWS = 4_000_000
REPEATS = 7


def per_second(draw: Callable[[], np.ndarray]) -> float:
    """Values per second, in millions, of the fastest of some repeats."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        size = len(draw())
        best = min(best, (time.perf_counter() - start) / size)
    return 1e-6 / best


def run() -> dict[str, dict]:
    """Millions of values per second, and seconds per certificate."""
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    noise, seeded = SecureNoise(), np.random.default_rng(1)
    zeros = np.zeros(DRAWS)
    draws: dict[str, Callable[[], np.ndarray]] = {
        "gaussian": lambda: noise.gaussian(DRAWS, 1.5),
        "gaussian_released_on_the_grid": lambda: add_gaussian(zeros, std=1.5, noise=noise),
        "discrete_gaussian_std_2_20": lambda: noise.discrete_gaussian(DRAWS // 8, 2.0**20),
        "discrete_laplace": lambda: noise.discrete_laplace(DRAWS // 8, epsilon=1.0),
        "negative_binomial_share": lambda: noise.negative_binomial_share(DRAWS // 8, epsilon=1.0, parties=3),
        "numpy_seedable_gaussian": lambda: seeded.normal(size=DRAWS),
        "torch_seedable_gaussian": lambda: torch.randn(DRAWS).numpy(),
    }
    figures: dict[str, float] = {}
    with threadpool_limits(1):
        for name, draw in draws.items():
            figures[f"{name}_millions_per_s"] = per_second(draw)
            print(f"{name:<32} {figures[f'{name}_millions_per_s']:8.1f} million/s", flush=True)
        history = [(Gaussian(1.0, 400.0 + round_), 1) for round_ in range(1000)]
        history += [(DiscreteLaplace(1, 0.05), 4), (RandomisedResponse(0.1, 4), 1)]
        start = time.perf_counter()
        epsilon = PldCertificate(1e-4).epsilon(history, delta=1e-5)
        figures["certificate_s"] = time.perf_counter() - start
        figures["certificate_epsilon"] = epsilon
    print(f"certificate of {len(history)} lines: ε = {epsilon:.4f} in {figures['certificate_s']:.2f} s")
    return {
        "figures": figures,
        "goals": {"gaussian_millions_per_s": (">=", 20.0), "certificate_s": ("<=", 1.0)},
    }
