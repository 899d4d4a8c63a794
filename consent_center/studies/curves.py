"""What accuracy a given ε bought on public data: for orientation before a study is filed, never a promise.

Source: `python -m benchmarks churn`, figures `DATA_local_epsN`: mean AUC of 5 folds x 3 seeds, four sites that each add
their own noise, the model that the benchmark finds best (lines on telco and journey, shapes on credit). Without noise:
the better of its central logistic regression and boosting. telco: 7043 customers, credit: 4454 loans, journey: 2297
households.
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
    Curve("telco", 7043, ((1.0, 0.843), (2.0, 0.845), (4.0, 0.847)), 0.848),
    Curve("credit", 4454, ((1.0, 0.833), (2.0, 0.837), (4.0, 0.840)), 0.847),
    Curve("journey", 2297, ((1.0, 0.749), (2.0, 0.750), (4.0, 0.757)), 0.771),
)


def nearest(curve: Curve, epsilon: float) -> tuple[float, float]:
    """The measured point at the largest ε that is not above this one, or the first: (ε, AUC)."""
    below = [point for point in curve.auc if point[0] <= epsilon]
    return below[-1] if below else curve.auc[0]
