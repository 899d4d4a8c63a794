"""One training step with per-member clipping in closed form, against plain torch and against Opacus' hooks.

A step is forward, backward, per-member clip and update, one row per member, one thread, interleaved in rotating order
in one run; the fastest of each counts, because other load only ever adds time. `ratio` is plain time / our time
(above 1: faster than training without privacy). Our networks run in single precision as torch does; the
double-precision figure, which is what claims are made with by default, stands beside. The logistic model is always in
double precision; its rows are the same in every full-batch round, so their norms are measured once, before. Noise is
drawn once per round at a site, whatever the batch, so it has its own benchmark (dp-noise) and is not in the step;
`with_noise` figures put it in.
"""

import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import numpy as np

FEATURES, HIDDEN, WIDTH, ITEMS = 30, (64, 32), 32, 2000
RATE, BOUND = 0.1, 1.0
ROUNDS = {256: 150, 4096: 30}
HOOK_ROUNDS = {"logistic": 30, "mlp": 10, "two_tower": 3}

Step = Callable[[], object]


def torch_model(kind: str):
    """The model as torch has it, and its inputs as a function of rows."""
    import torch

    class TwoTower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.tower = torch.nn.Sequential(
                torch.nn.Linear(FEATURES, HIDDEN[0]), torch.nn.ReLU(), torch.nn.Linear(HIDDEN[0], WIDTH)
            )
            self.items = torch.nn.Embedding(ITEMS, WIDTH)
            self.item_bias = torch.nn.Embedding(ITEMS, 1)

        def forward(self, x, items):
            return (self.tower(x) * self.items(items)).sum(1, keepdim=True) + self.item_bias(items)

    if kind == "logistic":
        return torch.nn.Linear(FEATURES, 1, bias=False)
    if kind == "mlp":
        return torch.nn.Sequential(
            torch.nn.Linear(FEATURES, HIDDEN[0]), torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN[0], HIDDEN[1]), torch.nn.ReLU(),
            torch.nn.Linear(HIDDEN[1], 1),
        )  # fmt: skip
    return TwoTower()


def rows(batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, items, labels."""
    rng = np.random.default_rng(batch)
    x = rng.normal(size=(batch, FEATURES)).astype(np.float32)
    return x, rng.integers(0, ITEMS, batch), (rng.random(batch) < 0.3).astype(np.float32)


def plain_step(kind: str, batch: int) -> Step:
    """Plain torch: no privacy."""
    import torch

    module, (x, items, y) = torch_model(kind), rows(batch)
    inputs = [torch.tensor(x)] + ([torch.tensor(items)] if kind == "two_tower" else [])
    labels = torch.tensor(y)
    optimiser = torch.optim.SGD(module.parameters(), lr=RATE)
    loss = torch.nn.BCEWithLogitsLoss()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(module(*inputs)[:, 0], labels).backward()
        optimiser.step()

    return step


def opacus_step(kind: str, batch: int) -> Step:
    """Opacus: hooks, per-sample norms, clip, sum, update, without noise."""
    import torch
    from opacus.grad_sample import GradSampleModule
    from opacus.optimizers import DPOptimizer

    module, (x, items, y) = GradSampleModule(torch_model(kind)), rows(batch)
    inputs = [torch.tensor(x)] + ([torch.tensor(items)] if kind == "two_tower" else [])
    labels = torch.tensor(y)
    optimiser = DPOptimizer(
        torch.optim.SGD(module.parameters(), lr=RATE), noise_multiplier=0.0, max_grad_norm=BOUND,
        expected_batch_size=batch,
    )  # fmt: skip
    loss = torch.nn.BCEWithLogitsLoss()

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        loss(module(*inputs)[:, 0], labels).backward()
        optimiser.step()

    return step


def our_step(kind: str, batch: int, *, dtype: type = np.float32, noised: bool = False) -> Step:
    """Closed form, on numpy."""
    from privacy.clipping import LogisticRows
    from privacy.clipping_networks import mlp_clipped_sum, two_tower_clipped_sum
    from privacy.networks import Layer
    from privacy.noise import SecureNoise, add_gaussian

    rng, source = np.random.default_rng(1), SecureNoise()
    x, items, y = rows(batch)

    def noise(total: np.ndarray) -> np.ndarray:
        return add_gaussian(total, std=1.0, noise=source) if noised else total

    if kind == "logistic":
        weights, kept = np.zeros(FEATURES), LogisticRows.of(x, y)

        def logistic() -> None:
            found = kept.clipped_sum(weights, BOUND)
            np.subtract(weights, RATE / batch * noise(found.total), out=weights)

        return logistic

    x, y = x.astype(dtype), y.astype(dtype)
    widths = (FEATURES, *HIDDEN, 1) if kind == "mlp" else (FEATURES, HIDDEN[0], WIDTH)
    layers = [Layer((rng.normal(size=(b, a)) / a**0.5).astype(dtype), np.zeros(b, dtype)) for a, b in pairwise(widths)]
    vectors, bias = rng.normal(size=(ITEMS, WIDTH)).astype(dtype), np.zeros(ITEMS, dtype)

    def network() -> None:
        if kind == "mlp":
            found = mlp_clipped_sum(x, y, layers, BOUND)
        else:
            found = two_tower_clipped_sum(x, items, y, layers, vectors, bias, BOUND)
            vectors[...] -= RATE / batch * noise(found.items)
            bias[...] -= RATE / batch * noise(found.item_bias)
        for layer, gradient in zip(layers, found.layers, strict=True):
            layer.weights[...] -= RATE / batch * noise(gradient.weights)
            layer.bias[...] -= RATE / batch * noise(gradient.bias)

    return network


def seconds(step: Step) -> float:
    """One timed step."""
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


def peak_memory(which: str) -> float:
    """Mebibytes that one two-tower step at 4,096 rows needs beyond what stood before, in a fresh process."""
    code = (
        "from pathlib import Path; from threadpoolctl import threadpool_limits; import torch, benchmarks.dp_step as b\n"
        "torch.set_num_threads(1); threadpool_limits(1)\n"
        f"small = b.{which}('two_tower', 16); small(); step = b.{which}('two_tower', 4096)\n"
        "read = lambda key: int(Path('/proc/self/status').read_text().split(key)[1].split()[0])\n"
        "Path('/proc/self/clear_refs').write_text('5'); before = read('VmRSS:'); step(); print(read('VmHWM:') - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 1024


def run() -> dict[str, dict]:
    """Ratios for three models and two batches, then the memory of the two-tower step."""
    import torch
    from threadpoolctl import threadpool_limits

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    figures: dict[str, float] = {}
    with threadpool_limits(1):
        for kind in ("logistic", "mlp", "two_tower"):
            for batch, rounds in ROUNDS.items():
                steps = {
                    "plain": plain_step(kind, batch),
                    "ours": our_step(kind, batch),
                    "double": our_step(kind, batch, dtype=np.float64),
                    "with_noise": our_step(kind, batch, noised=True),
                }
                times: dict[str, list[float]] = {name: [] for name in (*steps, "hooks")}
                for step in steps.values():
                    step()
                hooks = opacus_step(kind, batch)
                hooks()
                for number in range(rounds):
                    turn = number % len(steps)
                    for name in [*steps][turn:] + [*steps][:turn]:
                        times[name].append(seconds(steps[name]))
                    if number % (rounds // HOOK_ROUNDS[kind]) == 0:
                        times["hooks"].append(seconds(hooks))
                best = {name: min(taken) for name, taken in times.items()}
                name = f"{kind}_{batch}"
                figures[f"{name}_ratio"] = best["plain"] / best["ours"]
                figures[f"{name}_times_opacus"] = best["hooks"] / best["ours"]
                figures[f"{name}_with_noise_ratio"] = best["plain"] / best["with_noise"]
                if kind != "logistic":
                    figures[f"{name}_double_ratio"] = best["plain"] / best["double"]
                print(f"{name:<16} " + "  ".join(f"{k} {1e6 * v:.0f} µs" for k, v in best.items()), flush=True)
    memory = {which: peak_memory(which) for which in ("plain_step", "our_step")}
    print(f"two-tower memory: {memory}")
    figures["two_tower_memory_ratio"] = memory["our_step"] / max(memory["plain_step"], 1e-9)
    goals = {
        "logistic_256_ratio": (">=", 1.5),
        "logistic_4096_ratio": (">=", 1.5),
        "mlp_256_ratio": (">=", 0.8),
        "mlp_4096_ratio": (">=", 0.6),
        "two_tower_256_ratio": (">=", 0.75),
        "two_tower_4096_ratio": (">=", 0.75),
        "two_tower_memory_ratio": ("<=", 1.5),
    }
    for batch in ROUNDS:
        goals |= {
            f"logistic_{batch}_times_opacus": (">=", 5),
            f"mlp_{batch}_times_opacus": (">=", 5),
            f"two_tower_{batch}_times_opacus": (">=", 50),
        }
    return {"figures": figures, "goals": goals}
