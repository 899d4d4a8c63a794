"""What it takes to explain one member's score: contributions, three reasons in words, and what would change it.

One member at a time, as her page asks; best of seven turns of 200 members, in CPU time of the process. Batches
are what scoring does. Exactness is checked in the same run: contributions add up to the log-odds.
"""

import os
import time

import numpy as np

from benchmarks.score import FEATURES
from consent_center.offers.explanation import say_reasons
from federated.models import churn, network
from federated.models.explain import Explained, change_of, explain, explain_log_odds, reasons_of

MEMBERS, TURNS = 200, 7
GOALS = {
    "linear_ms": ("<=", 1.0),
    "shapes_ms": ("<=", 1.0),
    "pairs_ms": ("<=", 1.0),
    "mlp_ms": ("<=", 5.0),
    "worst_gap_additive": ("<=", 1e-9),
}


def values(members: int) -> np.ndarray:
    """Unit values; simulated, seed fixed."""
    rng = np.random.default_rng(3)
    columns = [
        rng.integers(0, 2 if one.kind == "binary" else len(one.categories), members)
        if one.kind != "continuous"
        else rng.uniform(size=members)
        for one in FEATURES
    ]
    return np.column_stack(columns).astype(float)


def run() -> dict[str, object]:
    """Each model in turn."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows, figures, worst = values(MEMBERS), {}, 0.0
    for model in (churn.LINEAR, churn.SHAPES, churn.PAIRS, network.MLP):
        name = model.name
        weights = np.random.default_rng(1).normal(0, 0.4, model.size(FEATURES))
        whole = explain(model, FEATURES, rows, weights)
        scored = explain_log_odds(model, FEATURES, rows, weights)
        gap = float(np.abs(whole.base + whole.contributions.sum(axis=1) - scored).max())
        if name != "churn-mlp":
            worst = max(worst, gap)

        def one_member(row: np.ndarray, model=model, weights=weights) -> Explained:
            found = explain(model, FEATURES, row[None], weights)
            reasons = reasons_of(FEATURES, row, found.contributions[0])
            say_reasons([{"feature": one.feature, "level": one.level} for one in reasons], language="en")
            return found

        def change(row: np.ndarray, model=model, weights=weights) -> object:
            return change_of(model, FEATURES, row, weights, threshold=0.15, actionable=("offers_used", "has_app"))

        short = name.removeprefix("churn-")
        figures[f"{short}_ms"] = best(one_member, rows)
        figures[f"{short}_change_ms"] = best(change, rows)
        figures[f"{short}_batch_us"] = (
            best(lambda _, m=model, w=weights: explain(m, FEATURES, rows, w), rows[:5]) * 1e3 / MEMBERS
        )
        figures[f"{short}_gap"] = gap
        print(
            f"{name}: {figures[f'{short}_ms']:.3f} ms a member, {figures[f'{short}_change_ms']:.3f} ms for what would "
            f"change it, {figures[f'{short}_batch_us']:.1f} µs in a batch; gap {gap:.1e}",
            flush=True,
        )
    figures["worst_gap_additive"] = worst
    return {"figures": figures, "goals": GOALS}


def best(work, rows: np.ndarray) -> float:
    """Milliseconds of CPU for one row, best of the turns."""
    spent = []
    for _ in range(TURNS):
        began = time.process_time()
        for row in rows:
            work(row)
        spent.append((time.process_time() - began) / len(rows))
    return min(spent) * 1e3
