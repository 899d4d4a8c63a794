"""Per-member clipped gradients of small networks in closed form: one forward pass, one backward pass, no hooks.

The output is one number (a log-odds), so the gradient of a row is its residual p - y times the gradient of the
output. That one needs no per-row matrices: in a layer with input a and backpropagated d it is the outer product d·aᵀ
(and d for the bias), whose squared norm is |d|²·(|a|² + 1). A member with several rows has the sum of such products;
its squared norm comes from the two k x k tables of inner products, or, for many rows, from the sum itself.

Laws: those of `clipping`. Rows are computed in the precision they come in. Sums are kept in double precision, or in
blocks of 256 rows of single precision. Rounding moves a sum of up to a million rows by less than the margin that the
ball is entered with (1e-6 for doubles). For single precision (margin 1e-2) this needs rows to keep their places when
a member is absent: give her a share of 0 rather than removing her rows.

Source:
    Goodfellow 2015, "Efficient Per-Example Gradient Computations"; Casacuberta et al. 2022, "Widespread
    Underestimation of Sensitivity in Differentially Private Libraries" (why sums have a margin).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from privacy.clipping import check_bound, probability
from privacy.errors import ShapeError
from privacy.grouping import Groups, Rows
from privacy.networks import ClippedNetwork, Floats, Layer

Integers = npt.NDArray[np.int64]
Pair = tuple[Floats, Floats]

MARGINS = {np.dtype(np.float64): 1 - 1e-6, np.dtype(np.float32): 1 - 1e-2}
_CHUNK = 1024
_BLOCK = 256
_MANY_ROWS = 32


def mlp_clipped_sum(
    x: Floats,
    y: npt.ArrayLike,
    layers: Sequence[Layer],
    bound: float,
    *,
    members: npt.ArrayLike | None = None,
    shares: npt.ArrayLike | None = None,
) -> ClippedNetwork:
    """Σ over members of her clipped gradient of the logistic loss of a ReLU network with one output.

    Args:
        x: features, shape (rows, features), float32 or float64 (which sets the precision).
        y: labels 0 or 1, shape (rows,).
        layers: dense layers with ReLU between them; the last has one output, the log-odds.
        bound: L2 norm of one member's contribution over all parameters, > 0.
        members: whose row it is, whole numbers from 0, shape (rows,); None if each row is another member.
        shares: each member's weight at this site, in [0, 1], shape (members,); None for 1.

    Raises:
        ShapeError: shapes do not belong together.
    """
    if not layers or layers[-1].weights.shape[0] != 1:
        raise ShapeError("the last layer must have one output, the log-odds")
    return _clipped_sum(x, y, layers, None, bound, members, shares)


def two_tower_clipped_sum(
    x: Floats,
    items: npt.ArrayLike,
    y: npt.ArrayLike,
    layers: Sequence[Layer],
    item_vectors: Floats,
    item_bias: Floats,
    bound: float,
    *,
    members: npt.ArrayLike | None = None,
    shares: npt.ArrayLike | None = None,
) -> ClippedNetwork:
    """Σ over members of her clipped gradient for log-odds = tower(x) · vector of the item + bias of the item.

    Args:
        x: what describes the member, shape (rows, features), float32 or float64 (which sets the precision).
        items: the item of each row, whole numbers from 0, shape (rows,).
        y: labels 0 or 1 (chosen or not), shape (rows,).
        layers: the member's tower, ReLU between layers, the last one linear with `width` outputs.
        item_vectors: shape (items, width).
        item_bias: shape (items,).
        bound: L2 norm of one member's contribution over all parameters, > 0.
        members: as in `mlp_clipped_sum`.
        shares: as in `mlp_clipped_sum`.

    Raises:
        ShapeError: shapes do not belong together, or an item does not exist.
    """
    codes = np.asarray(items)
    if codes.dtype.kind not in "iu" or (codes.size and (codes.min() < 0 or codes.max() >= len(item_vectors))):
        raise ShapeError("items must be whole numbers below the number of item vectors")
    if not layers or item_vectors.shape != (len(item_bias), layers[-1].weights.shape[0]):
        raise ShapeError("the tower's last layer must be as wide as the item vectors")
    side = _Items(
        vectors=item_vectors.astype(x.dtype, copy=False),
        bias=item_bias.astype(x.dtype, copy=False),
        of_row=codes.astype(np.int64, copy=False),
    )
    return _clipped_sum(x, y, layers, side, bound, members, shares)


@dataclass(frozen=True, slots=True)
class _Items:
    """The item side of a two-tower model, and the item of each row."""

    vectors: Floats
    bias: Floats
    of_row: Integers

    def at(self, rows: Rows) -> "_Items":
        return _Items(self.vectors, self.bias, self.of_row[rows])


@dataclass(frozen=True, slots=True)
class _Gradients:
    """Gradients of rows, factored: residual x (d·aᵀ per layer, and the tower's output for the row's item)."""

    residual: Floats
    pairs: list[Pair]
    tower: Floats | None
    items: Integers | None

    def without(self, wrong: npt.NDArray[np.bool_]) -> "_Gradients":
        keep = ~wrong[:, None]
        return _Gradients(
            residual=np.where(wrong, 0, self.residual),
            pairs=[(np.where(keep, delta, 0), np.where(keep, given, 0)) for delta, given in self.pairs],
            tower=None if self.tower is None else np.where(keep, self.tower, 0),
            items=self.items,
        )


def _clipped_sum(
    x: Floats,
    y: npt.ArrayLike,
    layers: Sequence[Layer],
    items: _Items | None,
    bound: float,
    members: npt.ArrayLike | None,
    shares: npt.ArrayLike | None,
) -> ClippedNetwork:
    check_bound(bound)
    if x.ndim != 2 or x.dtype not in MARGINS:
        raise ShapeError("x must be a (rows, features) array of float32 or float64")
    labels = np.asarray(y, dtype=x.dtype)
    if labels.shape != x.shape[:1] or (items is not None and items.of_row.shape != labels.shape):
        raise ShapeError("every row needs one label (and one item)")
    dense = [
        Layer(layer.weights.astype(x.dtype, copy=False), layer.bias.astype(x.dtype, copy=False)) for layer in layers
    ]
    sums = _Sums(dense, items)
    limit = bound * MARGINS[x.dtype]
    rejected = 0
    groups = Groups.of(members, shares, rows=labels.size)
    for rows, share, each in groups.chunks(_CHUNK):
        part = None if items is None else items.at(rows)
        with np.errstate(all="ignore"):
            found = _gradients(x[rows], labels[rows], dense, part)
            squared = _row_norms(found)
            wrong = ~np.isfinite(squared + found.residual)
            if wrong.any():
                rejected += int(wrong.sum())
                found, squared = found.without(wrong), np.where(wrong, 0, squared)
            if each == 1:
                ball = limit / np.sqrt(squared)
                factor = np.minimum(np.maximum(found.residual, -ball), ball)
            else:
                scale = np.minimum(1, limit / np.sqrt(_member_norms(found, each)))
                factor = found.residual * np.repeat(scale, each).astype(x.dtype)
        sums.add(found, factor if share is None else factor * share.astype(x.dtype))
    return sums.result(rejected)


def _gradients(x: Floats, y: Floats, layers: Sequence[Layer], items: _Items | None) -> _Gradients:
    inputs, out = [], x
    for number, layer in enumerate(layers):
        if number:
            np.maximum(out, 0, out=out)
        inputs.append(out)
        out = out @ layer.weights.T
        out += layer.bias
    if items is None:
        logits, delta = out[:, 0].copy(), np.ones_like(out)
    else:
        delta = items.vectors[items.of_row]
        logits = np.einsum("ij,ij->i", out, delta) + items.bias[items.of_row]
    deltas = [delta]
    for layer, active in zip(layers[:0:-1], inputs[:0:-1], strict=True):
        delta = delta @ layer.weights
        delta *= active > 0
        deltas.append(delta)
    return _Gradients(
        residual=probability(logits) - y,
        pairs=list(zip(deltas[::-1], inputs, strict=True)),
        tower=None if items is None else out,
        items=None if items is None else items.of_row,
    )


def _row_norms(found: _Gradients) -> Floats:
    """Squared norm of the gradient of each row's log-odds, shape (rows,)."""
    total = np.zeros_like(found.residual)
    for delta, given in found.pairs:
        part = np.einsum("ij,ij->i", given, given)
        part += 1
        part *= np.einsum("ij,ij->i", delta, delta)
        total += part
    if found.tower is not None:
        total += np.einsum("ij,ij->i", found.tower, found.tower)
        total += 1
    return total


def _member_norms(found: _Gradients, each: int) -> Floats:
    """Squared norm of the summed gradient of members with `each` rows, shape (members,)."""
    count = found.residual.size // each
    residual = found.residual.reshape(count, each)
    if each <= _MANY_ROWS:
        gram = np.zeros((count, each, each), dtype=residual.dtype)
        for delta, given in found.pairs:
            gram += _gram(delta, each) * (_gram(given, each) + 1)
        if found.tower is not None and found.items is not None:
            own = found.items.reshape(count, each)
            gram += (own[:, :, None] == own[:, None, :]) * (_gram(found.tower, each) + 1)
        squared: Floats = np.maximum(np.einsum("nr,nrs,ns->n", residual, gram, residual), 0)
        return squared
    total = np.zeros(count, dtype=residual.dtype)
    for delta, given in found.pairs:
        weighted = (delta * found.residual[:, None]).reshape(count, each, -1).transpose(0, 2, 1)
        total += np.square(weighted @ given.reshape(count, each, -1)).sum(axis=(1, 2))
        total += np.square(weighted.sum(axis=2)).sum(axis=1)
    if found.tower is not None and found.items is not None:
        for member in range(count):
            one = slice(member * each, (member + 1) * each)
            _, place = np.unique(found.items[one], return_inverse=True)
            picked = _one_hot(found.residual[one], place, int(place.max()) + 1)
            total[member] += np.square(picked @ found.tower[one]).sum()
            total[member] += np.square(np.bincount(place, found.residual[one])).sum()
    return total


def _gram(rows: Floats, each: int) -> Floats:
    grouped = rows.reshape(-1, each, rows.shape[1])
    return np.asarray(grouped @ grouped.transpose(0, 2, 1))


def _one_hot(factor: Floats, items: Integers, count: int) -> sparse.csc_array:
    return sparse.csc_array((factor, items, np.arange(items.size + 1)), shape=(count, items.size))


class _Sums:
    """Running sums in double precision."""

    def __init__(self, layers: Sequence[Layer], items: _Items | None) -> None:
        self._layers = [Layer(np.zeros(layer.weights.shape), np.zeros(layer.bias.shape)) for layer in layers]
        self._items = None if items is None else Layer(np.zeros(items.vectors.shape), np.zeros(items.bias.shape))

    def add(self, found: _Gradients, factor: Floats) -> None:
        """Add factor x gradient of the log-odds for every row."""
        step = _BLOCK if factor.dtype == np.float32 else _CHUNK
        column = factor[:, None]
        for layer, (delta, given) in zip(self._layers, found.pairs, strict=True):
            narrow = delta.shape[1] < given.shape[1]
            left, right = (delta * column, given) if narrow else (delta, given * column)
            for start in range(0, factor.size, step):
                end = start + step
                np.add(layer.weights, left[start:end].T @ right[start:end], out=layer.weights)
                np.add(layer.bias, factor[start:end] @ delta[start:end], out=layer.bias)
        if self._items is not None and found.tower is not None and found.items is not None:
            weight, count = factor.astype(np.float64), self._items.bias.size
            np.add(self._items.weights, _one_hot(weight, found.items, count) @ found.tower, out=self._items.weights)
            np.add(self._items.bias, np.bincount(found.items, weight, minlength=count), out=self._items.bias)

    def result(self, rejected: int) -> ClippedNetwork:
        """The sums as they stand."""
        items, item_bias = (None, None) if self._items is None else (self._items.weights, self._items.bias)
        return ClippedNetwork(layers=tuple(self._layers), items=items, item_bias=item_bias, rejected=rejected)
