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
    return LogisticRows.of(x, y, members=members, shares=shares, keep=False).clipped_sum(weights, bound)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Some rows of whole members who all have `each` rows; `norms` of rows, None if a member has several."""

    x: Floats
    y: Floats
    share: Floats | None
    each: int
    norms: Floats | None


@dataclass(frozen=True, slots=True)
class LogisticRows:
    """A training's rows, checked and measured once for all of its rounds.

    Law: `LogisticRows.of(x, y).clipped_sum(weights, bound)` is `logistic_clipped_sum(x, y, weights, bound)`.

    Attributes:
        features: columns, the intercept being one.
        rejected: rows that were left out because they were not finite.
    """

    features: int
    chunks: tuple[_Chunk, ...]
    rejected: int

    @classmethod
    def of(
        cls,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        members: npt.ArrayLike | None = None,
        shares: npt.ArrayLike | None = None,
        keep: bool = True,
    ) -> "LogisticRows":
        """Rows for many rounds.

        Args:
            x: as in `logistic_clipped_sum`.
            y: as there.
            members: as there.
            shares: as there.
            keep: take a copy, so that nobody changes a row behind its measured norm; False for a single round.

        Raises:
            ShapeError: as there.
        """
        rows, labels = (np.array(part, dtype=np.float64, copy=True if keep else None) for part in (x, y))
        if rows.ndim != 2 or labels.shape != rows.shape[:1]:
            raise ShapeError("x must be (rows, features), y (rows,)")
        chunks, rejected = [], 0
        for chosen, share, each in Groups.of(members, shares, rows=labels.size).chunks(_CHUNK):
            part, label = rows[chosen], labels[chosen]
            with np.errstate(all="ignore"):
                norms = np.sqrt(np.einsum("ij,ij->i", part, part))
                # A sum is finite only if all of it is: one cheap look, and the slow one only if something is wrong.
                if not np.isfinite(norms.sum() + label.sum()):
                    wrong = ~np.isfinite(norms + label)
                    rejected += int(wrong.sum())
                    part, label = np.where(wrong[:, None], 0, part), np.where(wrong, 0, label)
                    norms = np.where(wrong, 0, norms)
            chunks.append(_Chunk(part, label, share, each, norms if each == 1 else None))
        return cls(features=rows.shape[1], chunks=tuple(chunks), rejected=rejected)

    def clipped_sum(self, weights: npt.ArrayLike, bound: float) -> Clipped:
        """One round: Σ over members of her clipped gradient at these weights; see `logistic_clipped_sum`."""
        check_bound(bound)
        model = np.asarray(weights, dtype=np.float64)
        if model.shape != (self.features,):
            raise ShapeError("weights must be (features,)")
        if not np.isfinite(model).all():
            raise NotFiniteError(int(model.size - np.isfinite(model).sum()), "model weights")
        total, rejected, limit = np.zeros(self.features), self.rejected, bound * MARGIN
        for chunk in self.chunks:
            part = chunk.x
            with np.errstate(all="ignore"):
                residual = probability(part @ model)
                residual -= chunk.y
                if not np.isfinite(residual.sum()):  # rows so large that they overflow with these weights
                    wrong = ~np.isfinite(residual)
                    rejected += int(wrong.sum())
                    part, residual = np.where(wrong[:, None], 0, part), np.where(wrong, 0, residual)
                if chunk.norms is not None:
                    ball = limit / chunk.norms
                    np.minimum(residual, ball, out=residual)
                    factor = np.maximum(residual, np.negative(ball, out=ball), out=residual)
                else:
                    summed = np.einsum(
                        "mri,mr->mi", part.reshape(-1, chunk.each, model.size), residual.reshape(-1, chunk.each)
                    )
                    scale = np.minimum(1, limit / np.sqrt(np.einsum("ij,ij->i", summed, summed)))
                    factor = residual * np.repeat(scale, chunk.each)
            total += (factor if chunk.share is None else factor * chunk.share) @ part
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
