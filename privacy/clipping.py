"""The most one member can move a sum, enforced in closed form.

Laws: whatever the rows contain, one member moves the result by at most `bound` (times her share) in L2. The rows of a
member are summed first, then clipped. Rows with an infinity or a NaN are left out and counted; the count stays at the
site, it is data. Equal to clipping one by one, and to Opacus' hooks, to 1e-10.

The ball is entered with a relative margin of 1e-12, so that rounding cannot leave it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from privacy.errors import MechanismError, NotFiniteError, ShapeError
from privacy.quantities import is_number

Floats = npt.NDArray[np.float64]
MARGIN: Final = 1 - 1e-12


@dataclass(frozen=True, slots=True)
class Clipped:
    """A sum that is ready for noise.

    Attributes:
        total: the clipped sum, in the shape of the parameters.
        rejected: rows that were left out because they were not finite; never leaves the site without noise.
    """

    total: Floats
    rejected: int


def clip_to_norm(vector: npt.ArrayLike, *, bound: float) -> Floats:
    """Scale `vector` down until its L2 norm is at most `bound`; inside the ball it is returned unchanged.

    Args:
        vector: any shape; must be finite. Norms beyond the range of a double are handled.
        bound: radius of the ball, > 0.

    Raises:
        NotFiniteError: an infinity or a NaN, which no scaling can bound.

    Source:
        Abadi et al. 2016, "Deep Learning with Differential Privacy", Algorithm 1.
    """
    array = np.asarray(vector, dtype=np.float64)
    wrong = int(array.size - np.isfinite(array).sum())
    if wrong:
        raise NotFiniteError(wrong)
    check_bound(bound)
    largest = float(np.abs(array).max(initial=0.0))
    if largest == 0.0:
        return array.copy()
    scaled = array / largest
    norm = float(np.sqrt(np.sum(scaled * scaled)))
    return array.copy() if norm * largest <= bound * MARGIN else scaled * (bound * MARGIN / norm)


def logistic_clipped_sum(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    weights: npt.ArrayLike,
    bound: float,
    *,
    members: npt.ArrayLike | None = None,
    shares: npt.ArrayLike | None = None,
) -> Clipped:
    """Σ over members of her clipped gradient of the logistic loss: x_i · clip(p_i - y_i, ± bound/|x_i|).

    Args:
        x: features with the intercept as a column, shape (rows, features).
        y: labels 0 or 1 (or probabilities in between), shape (rows,).
        weights: the model, shape (features,).
        bound: L2 norm of one member's contribution, > 0.
        members: whose row it is, whole numbers from 0, shape (rows,); None if each row is another member.
        shares: each member's weight at this site, in [0, 1], shape (members,); None for 1.

    Raises:
        ShapeError: shapes do not belong together, or a share is outside [0, 1].
    """
    check_bound(bound)
    rows, labels, model = (np.asarray(part, dtype=np.float64) for part in (x, y, weights))
    if rows.ndim != 2 or labels.shape != rows.shape[:1] or model.shape != rows.shape[1:]:
        raise ShapeError("x must be (rows, features), y (rows,), weights (features,)")
    if not np.isfinite(model).all():
        raise NotFiniteError(int(model.size - np.isfinite(model).sum()), "model weights")
    with np.errstate(over="ignore", invalid="ignore"):
        residual = _probability(rows @ model) - labels
        norms = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    # A sum is finite only if everything in it is: one cheap look, and the slow one only if something is wrong.
    rejected = 0
    if not np.isfinite(norms.sum() + residual.sum()):
        good = np.isfinite(rows).all(axis=1) & np.isfinite(labels)
        rejected = int(rows.shape[0] - good.sum())
        rows, labels = rows[good], labels[good]
        members = None if members is None else np.asarray(members)[good]
        if members is None and shares is not None:
            shares = np.asarray(shares)[good]
        with np.errstate(over="ignore", invalid="ignore"):
            logits = rows @ model
            residual = _probability(np.where(np.isnan(logits), 0.0, logits)) - labels
            norms = _norms(rows)
    if members is None:
        with np.errstate(divide="ignore"):
            limit = bound * MARGIN / norms
        factor = np.minimum(np.maximum(residual, -limit), limit)
        if shares is not None:
            factor *= _shares(shares, count=rows.shape[0])
        return Clipped(total=factor @ rows, rejected=rejected)
    codes = np.asarray(members)
    if codes.shape != labels.shape or (codes.size and (codes.dtype.kind not in "iu" or codes.min() < 0)):
        raise ShapeError("members must be whole numbers from 0, one per row")
    count = int(codes.max(initial=-1)) + 1 if shares is None else np.asarray(shares).size
    if codes.size and codes.max() >= count:
        raise ShapeError("every member needs a share")
    return Clipped(total=_grouped(rows, residual, codes, bound, shares, count), rejected=rejected)


def check_bound(bound: float) -> None:
    """Refuse a clipping bound that bounds nothing."""
    if not is_number(bound) or bound <= 0:
        raise MechanismError(f"clipping bound must be a finite number above 0, not {bound!r}")


def _grouped(
    rows: Floats, residual: Floats, codes: npt.NDArray[np.int64], bound: float, shares: npt.ArrayLike | None, count: int
) -> Floats:
    """Sum the rows of each member, clip each sum, add them up."""
    if not codes.size:
        return np.zeros(rows.shape[1])
    order = np.argsort(codes, kind="stable")
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    # A factor common to all of a member's rows keeps her sum finite; it does not change the direction.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = np.add.reduceat(rows[order] * residual[order, None], starts, axis=0)
    wild = ~np.isfinite(sums).all(axis=1)
    sums[wild] = 0.0
    with np.errstate(divide="ignore"):
        scale = np.minimum(1.0, bound * MARGIN / _norms(sums))
    if shares is not None:
        scale *= _shares(shares, count=count)[codes[order][starts]]
    return np.asarray(scale @ sums)


def _norms(rows: Floats) -> Floats:
    """L2 norms of finite rows, infinite only if the norm itself is beyond a double."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    safe = np.where(largest > 0, largest, 1.0)
    scaled = rows / safe[:, None]
    with np.errstate(over="ignore"):
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", scaled, scaled)) * safe)


def _probability(logits: Floats) -> Floats:
    """1/(1 + exp(-logits)), in place and without overflow."""
    logits *= 0.5
    np.tanh(logits, out=logits)
    logits += 1.0
    logits *= 0.5
    return logits


def _shares(shares: npt.ArrayLike, *, count: int) -> Floats:
    parts = np.asarray(shares, dtype=np.float64)
    if parts.shape != (count,) or not ((parts >= 0) & (parts <= 1)).all():
        raise ShapeError("shares must be one number in [0, 1] per member")
    return parts
