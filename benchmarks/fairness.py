"""Rates of eighteen groups from a million decisions: Accord's counting against Fairlearn and pandas, in one run.

All three start from the same coded columns (two attributes of 3 and 6 values, outcome, decision) and answer with
selection rate, true and false positive rate and precision of each of the 18 groups; the values must agree to 1e-12.
Accord and pandas are timed in turns, best of seven each; Fairlearn once, because it takes tens of seconds.
"""

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score

from audit.fairness import metrics
from audit.fairness.counts import Layout, count

ROWS = 1_000_000
LAYOUT = Layout("age x income", tuple(f"{a}-{b}" for a in range(3) for b in range(6)), (0.0, 0.5, 1.0), 0.5)


def decisions(rows: int) -> dict[str, np.ndarray]:
    """Coded rows with different rates in every group; simulated, seed fixed."""
    rng = np.random.default_rng(18)
    first, second = rng.integers(0, 3, rows, dtype=np.uint8), rng.integers(0, 6, rows, dtype=np.uint8)
    label = (rng.random(rows) < 0.2 + 0.02 * second).astype(np.uint8)
    chosen = (rng.random(rows) < 0.15 + 0.05 * first + 0.4 * label).astype(np.uint8)
    return {"first": first, "second": second, "label": label, "chosen": chosen}


def ours(data: dict[str, np.ndarray]) -> np.ndarray:
    """Shape (4, 18): count coded rows, then rates."""
    groups = data["first"] * np.uint8(6) + data["second"]
    table = count(LAYOUT, groups=groups, labels=data["label"], bins=data["chosen"])
    rated = (metrics.selection, metrics.true_positive_rate, metrics.false_positive_rate, metrics.precision)
    return np.stack([rate(table).value[:-1] for rate in rated])


def by_pandas(frame: pd.DataFrame) -> np.ndarray:
    """Shape (4, 18): one group-by over groups, outcome and decision."""
    sizes = frame.groupby(["first", "second", "label", "chosen"], sort=True).size()
    n = sizes.to_numpy(dtype=float).reshape(18, 2, 2)
    return np.stack(
        [
            n[:, :, 1].sum(1) / n.sum((1, 2)),
            n[:, 1, 1] / n[:, 1].sum(1),
            n[:, 0, 1] / n[:, 0].sum(1),
            n[:, 1, 1] / n[:, :, 1].sum(1),
        ]
    )


def by_fairlearn(frame: pd.DataFrame) -> np.ndarray:
    """Shape (4, 18): MetricFrame over both attributes."""
    asked = {
        "selection": selection_rate,
        "tpr": true_positive_rate,
        "fpr": false_positive_rate,
        "precision": precision_score,
    }
    found = MetricFrame(
        metrics=asked, y_true=frame["label"], y_pred=frame["chosen"], sensitive_features=frame[["first", "second"]]
    )
    return found.by_group[list(asked)].to_numpy(dtype=float).T


def seconds(task: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    task()
    return time.perf_counter() - start


def run() -> dict[str, dict]:
    """Time, memory, agreement and growth."""
    data = decisions(ROWS)
    frame = pd.DataFrame(data)
    turns = [(seconds(lambda: ours(data)), seconds(lambda: by_pandas(frame))) for _ in range(7)]
    mine, theirs = min(turn[0] for turn in turns), min(turn[1] for turn in turns)
    print(f"1M rows: Accord {mine * 1e3:.1f} ms, pandas {theirs * 1e3:.1f} ms; Fairlearn is running")
    fairlearn = seconds(lambda: by_fairlearn(frame))
    values = ours(data)
    apart = max(float(np.abs(values - other(frame)).max()) for other in (by_pandas, by_fairlearn))
    print(f"Fairlearn {fairlearn:.1f} s; largest disagreement {apart:.1e}")
    per_row, times = {}, {}
    for rows in (1_000_000, 3_000_000, 10_000_000):
        many = decisions(rows)
        times[rows] = min(seconds(lambda: ours(many)) for _ in range(5))  # noqa: B023  called at once
        per_row[rows] = times[rows] / rows
        print(f"{rows:,} rows: {times[rows] * 1e3:.1f} ms")
    tracemalloc.start()
    ours(many)
    extra = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    print(f"10M rows: {extra:.0f} MB beside the columns")
    figures = {
        "accord_ms_1m": mine * 1e3,
        "pandas_ms_1m": theirs * 1e3,
        "fairlearn_s_1m": fairlearn,
        "ratio": fairlearn / mine,
        "ratio_pandas": theirs / mine,
        "largest_disagreement": apart,
        "seconds_10m": times[10_000_000],
        "extra_mb_10m": extra,
        "growth_per_row_10m_to_1m": per_row[10_000_000] / per_row[1_000_000],
    }
    goals = {
        "ratio": [">=", 500],
        "ratio_pandas": [">=", 3],
        "largest_disagreement": ["<=", 1e-12],
        "seconds_10m": ["<=", 0.5],
        "extra_mb_10m": ["<=", 200],
        "growth_per_row_10m_to_1m": ["<=", 1.5],
    }
    return {"figures": figures, "goals": goals}
