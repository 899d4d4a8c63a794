"""What accuracy a given ε bought on public data: for orientation before a study is filed, never a promise.

Source: mean AUC of 5 folds x 3 seeds, four sites that each add their own noise, `churn-shapes`; the benchmark
`python -m benchmarks churn` measures it anew. telco: 7043 customers, credit: 4454 loans, journey: 2297 households.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Curve:
    """AUC on one public data set by ε, and without noise."""

    data: str
    members: int
    auc: tuple[tuple[float, float], ...]
    without_noise: float


CURVES = (
    Curve("telco", 7043, ((1.0, 0.840), (2.0, 0.846), (4.0, 0.847), (8.0, 0.849)), 0.849),
    Curve("credit", 4454, ((1.0, 0.830), (2.0, 0.839), (4.0, 0.844), (8.0, 0.849)), 0.843),
    Curve("journey", 2297, ((1.0, 0.715), (2.0, 0.743), (4.0, 0.741), (8.0, 0.752)), 0.758),
)


def nearest(curve: Curve, epsilon: float) -> tuple[float, float]:
    """The measured point at the largest ε that is not above this one, or the first: (ε, AUC)."""
    below = [point for point in curve.auc if point[0] <= epsilon]
    return below[-1] if below else curve.auc[0]
