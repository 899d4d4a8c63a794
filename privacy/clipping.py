"""The most one member can move a sum, enforced in closed form.

Laws: whatever the rows contain, one member moves the result by at most `bound` (times her share) in L2. The rows of a
member are summed first, then clipped. Rows with an infinity or a NaN, or so large that their norm overflows, are left
out and counted; the count stays at the site, it is data. Equal to clipping one by one, and to Opacus' hooks, to 1e-10.

Sums are private too: adding doubles rounds, and who else is in the sum decides how. Chunks of 4,096 rows are added up
one after the other, which keeps the rounding of a million contributions of norm C below 5e-7·C in total; the ball is
entered with a relative margin of 1e-6 to pay for it.

Source:
    Casacuberta, Shoemate, Vadhan, Wagaman 2022, "Widespread Underestimation of Sensitivity in Differentially Private
    Libraries and How to Fix It".
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from privacy.errors import MechanismError, NotFiniteError, ShapeError
from privacy.grouping import Groups
from privacy.quantities import is_number

Floats = npt.NDArray[np.float64]
Values = TypeVar("Values", npt.NDArray[np.float64], npt.NDArray[np.floating])
MARGIN: Final = 1 - 1e-6
_CHUNK = 4096


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
    groups = Groups.of(members, shares, rows=labels.size)
    total, rejected = np.zeros(model.size), 0
    for chosen, share, each in groups.chunks(_CHUNK):
        part, label = rows[chosen], labels[chosen]
        with np.errstate(all="ignore"):
            residual = probability(part @ model) - label
            norms = np.sqrt(np.einsum("ij,ij->i", part, part))
            # A sum is finite only if everything in it is: one cheap look, and the slow one only if something is wrong.
            if not np.isfinite(norms.sum() + residual.sum()):
                wrong = ~np.isfinite(norms + residual)
                rejected += int(wrong.sum())
                part, residual, norms = np.where(wrong[:, None], 0, part), np.where(wrong, 0, residual), norms.copy()
                norms[wrong] = 0
            if each == 1:
                ball = bound * MARGIN / norms
                factor = np.minimum(np.maximum(residual, -ball), ball)
            else:
                summed = np.einsum("mri,mr->mi", part.reshape(-1, each, model.size), residual.reshape(-1, each))
                scale = np.minimum(1, bound * MARGIN / np.sqrt(np.einsum("ij,ij->i", summed, summed)))
                factor = residual * np.repeat(scale, each)
        total += (factor if share is None else factor * share) @ part
    return Clipped(total=total, rejected=rejected)


def check_bound(bound: float) -> None:
    """Refuse a clipping bound that bounds nothing."""
    if not is_number(bound) or bound <= 0:
        raise MechanismError(f"clipping bound must be a finite number above 0, not {bound!r}")


def probability(logits: Values) -> Values:
    """1/(1 + exp(-logits)), in place and without overflow."""
    logits *= 0.5
    np.tanh(logits, out=logits)
    logits += 1.0
    logits *= 0.5
    return logits
