"""What one would get by gathering all rows in one place without privacy: for comparison, never available in production.

Only the demo and the benchmarks call this, on the design matrices of the consented members, to say what the federated,
private model gave up. Nothing here is charged to a ledger, so nothing here may be shown as a result of the product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from consent_center.demo.federation import data_package

NOTE: Final = "for comparison, never available in production"

Matrix = NDArray[np.float64]
Labels = NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Central:
    """A non-private logistic regression on all rows at once.

    Attributes:
        auc: exact area under the ROC curve on the held-out rows; not private.
        weights: shape (columns,), log-odds per unit of a design column.
        intercept: log-odds where all columns are zero.
    """

    auc: float
    weights: Matrix
    intercept: float


@dataclass(frozen=True, slots=True)
class RoundOfReference:
    """Where the non-private training stood after one round.

    Attributes:
        round: 1-based.
        loss: mean logistic loss on the training rows, in nats.
        auc: exact area under the ROC curve on the held-out rows; not private.
    """

    round: int
    loss: float
    auc: float


def auc(scores: Matrix, labels: Labels) -> float:
    """Compute the exact area under the ROC curve: how often does a positive outrank a negative?

    Args:
        scores: shape (rows,); larger means likelier positive.
        labels: shape (rows,), 0 or 1, both present.

    Returns:
        In [0, 1]; equal scores count half.

    Raises:
        ValueError: the labels are all equal, so there is nothing to rank.

    Source:
        Hanley and McNeil 1982, "The meaning and use of the area under a ROC curve".
    """
    _, rank, ties = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = (np.cumsum(ties) - (ties - 1) / 2)[rank]
    positive = labels == 1
    positives = int(positive.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        raise ValueError("an AUC needs both labels: hold out more rows")
    return float((mean_rank[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def central_logistic(train: Matrix, labels: Labels, *, held_out: Matrix, held_out_labels: Labels) -> Central:
    """Fit scikit-learn's logistic regression (its default L2 penalty) on all rows at once.

    Args:
        train: shape (rows, columns), design matrix without an intercept column.
        labels: shape (rows,), 0 or 1.
        held_out: shape (other rows, columns).
        held_out_labels: shape (other rows,), 0 or 1.

    Raises:
        DataPackageMissingError: scikit-learn is not installed.
        ValueError: a set of labels is all equal.
    """
    linear = data_package("sklearn.linear_model", package="scikit-learn", needed_for="the non-private reference")
    fitted = linear.LogisticRegression(max_iter=2000).fit(train, labels)
    return Central(
        auc=auc(fitted.decision_function(held_out), held_out_labels),
        weights=np.asarray(fitted.coef_[0], dtype=float),
        intercept=float(fitted.intercept_[0]),
    )


def training_curve(
    train: Matrix,
    labels: Labels,
    *,
    held_out: Matrix,
    held_out_labels: Labels,
    rounds: int,
    learning_rate: float,
    momentum: float = 0.9,
) -> list[RoundOfReference]:
    """Train as the federation does, full-batch with momentum, but in one place, without clipping and without noise.

    The curve shows the last iterate of each round.

    Args:
        train: shape (rows, columns), design matrix without an intercept column.
        labels: shape (rows,), 0 or 1.
        held_out: shape (other rows, columns).
        held_out_labels: shape (other rows,), 0 or 1.
        rounds: how many steps, >= 1.
        learning_rate: step size, > 0.
        momentum: in [0, 1).

    Raises:
        ValueError: the held-out labels are all equal.
    """
    rows = np.column_stack([np.ones(len(train)), train])
    other_rows = np.column_stack([np.ones(len(held_out)), held_out])
    weights = np.zeros(rows.shape[1])
    velocity = np.zeros_like(weights)
    curve = []
    for number in range(1, rounds + 1):
        risk = 1 / (1 + np.exp(-(rows @ weights)))
        velocity = momentum * velocity + rows.T @ (risk - labels) / len(rows)
        weights = weights - learning_rate * velocity
        margin = rows @ weights
        loss = float(np.mean(np.logaddexp(0.0, margin) - labels * margin))
        curve.append(RoundOfReference(number, loss, auc(other_rows @ weights, held_out_labels)))
    return curve
