"""The arithmetic of the preference model: noised popularity and a noised Gram of residuals, solved in closed form.

x is a member's set of items, 0 or 1. What everybody buys and how much she buys are taken out before anything is
compared, and that is what makes it work:

    p  = the noised popularity, scaled so that it sums to the size of a usual set
    Q  = sigmoid(logit p + a), a chosen for each member so that Q sums to the size of her set
    r  = x - Q on the most popular items, the heads;  u = r/|r|
    G  = sum over members of u uᵀ, sent as a vector (diagonal, sqrt 2 · off-diagonal), so one member has norm 1
    E  = -Π/diag(Π), Π the inverse of the cleaned G: what a residual of one item says about another

Sources:
    Steck 2019, "Embarrassingly shallow autoencoders for sparse data", equation 8, for E. Gavish and Donoho 2017,
    "Optimal shrinkage of singular values", for the cleaning of eigenvalues below the edge of the noise.
"""

import math

import numpy as np
import numpy.typing as npt
from scipy import sparse

from federated.models.model import Matrix, Vector
from privacy.clipping import MARGIN

FLOOR, CEILING = 1e-5, 0.95
CHUNK = 1024


def units_sum(sets: sparse.csr_array) -> Vector:
    """Sum over members of x/|x|, shape (items,); a member with an empty set adds exact zero.

    Invariant: one member moves the sum by at most 1 in L2, rounding included.
    """
    sizes = np.diff(sets.indptr)
    scale = np.divide(MARGIN, np.sqrt(sizes), out=np.zeros(len(sizes)), where=sizes > 0)
    return np.asarray(sets.T @ scale, dtype=np.float64)


def popularity(total: Vector, *, usual_size: float) -> Vector:
    """p, shape (items,), in [FLOOR, CEILING], summing to `usual_size` as nearly as the ceiling lets it."""
    positive = np.maximum(total, 0.0)
    if positive.sum() <= 0:
        return np.full(len(total), min(max(usual_size / len(total), FLOOR), CEILING))
    low, high = 0.0, usual_size / float(positive.sum()) * 1e3
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if np.minimum(middle * positive, CEILING).sum() < usual_size else (low, middle)
    return np.clip(high * positive, FLOOR, CEILING)


def activity(p: Vector, sizes: npt.NDArray[np.integer]) -> Vector:
    """For each size of a set the a with sum sigmoid(logit p + a) = size, shape (sizes,); 0 where size is 0."""
    logits = np.log(p) - np.log1p(-p)
    distinct, place = np.unique(sizes, return_inverse=True)
    wanted = np.minimum(distinct, len(p) * 0.999)
    low, high = np.full(len(distinct), -30.0), np.full(len(distinct), 30.0)
    for _ in range(24):
        middle = (low + high) / 2
        above = _expected(logits, middle) > wanted
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    found = np.where(distinct > 0, (low + high) / 2, 0.0)
    return np.asarray(found[place], dtype=np.float64)


def expected(p: Vector, offsets: Vector) -> Matrix:
    """Q, shape (members, items)."""
    odds = (p / (1 - p))[None, :] * np.exp(offsets)[:, None]
    return np.asarray(odds / (1 + odds), dtype=np.float64)


def heads(p: Vector, count: int) -> npt.NDArray[np.int64]:
    """The `count` most popular items, in the order of the catalogue; ties go to the earlier one."""
    return np.sort(np.argsort(-p, kind="stable")[:count])


def residuals(sets: sparse.csr_array, p: Vector, chosen: npt.NDArray[np.int64]) -> Matrix:
    """R = x - Q on the heads, shape (members, heads); exact zero for a member with an empty set."""
    sizes = np.diff(sets.indptr)
    q = expected(p[chosen], activity(p, sizes))
    return np.asarray(np.where(sizes[:, None] > 0, sets[:, chosen].toarray() - q, 0.0))


def gram(sets: sparse.csr_array, p: Vector, *, count: int) -> Vector:
    """Sum over members of u uᵀ, packed, shape (count·(count+1)/2,).

    Invariant: one member moves it by at most 1 in L2, and a member without rows by exactly nothing.
    """
    chosen = heads(p, count)
    total = np.zeros((count, count))
    for start in range(0, sets.shape[0], CHUNK):
        r = residuals(sets[start : start + CHUNK], p, chosen)
        norms = np.sqrt(np.einsum("ij,ij->i", r, r))
        scale = np.divide(math.sqrt(MARGIN), norms, out=np.zeros_like(norms), where=norms > 0)
        u = r * scale[:, None]
        total += u.T @ u
    return pack(total)


def pack(matrix: Matrix) -> Vector:
    """A symmetric matrix as a vector of the same norm: diagonal first, then sqrt 2 times what is above it."""
    rows, columns = np.triu_indices(len(matrix), 1)
    return np.concatenate([np.diag(matrix), math.sqrt(2) * matrix[rows, columns]])


def unpack(vector: Vector, count: int) -> Matrix:
    """The symmetric matrix that `pack` packed."""
    matrix = np.zeros((count, count))
    matrix[np.triu_indices(count, 1)] = vector[count:] / math.sqrt(2)
    matrix += matrix.T
    np.fill_diagonal(matrix, vector[:count])
    return matrix


def solve(total: Vector, p: Vector, *, count: int, std: float, members: int, ridge: float) -> Matrix:
    """E from the noised Gram, shape (count, count), zero on the diagonal. Post-processing: costs nothing.

    Args:
        total: packed noised Gram.
        p: popularity.
        count: heads.
        std: of the noise on one packed number, all sites together.
        members: public denominator; the diagonal is set from it and p, not from the noise.
        ridge: lambda, per member.
    """
    values, vectors = np.linalg.eigh(unpack(total, count))
    edge = 2 * std * math.sqrt(count / 2)
    kept = values > edge
    l, v = values[kept], vectors[:, kept]  # noqa: E741  the letter of the source
    theta = (l + np.sqrt(np.maximum(l**2 - edge**2, 0.0))) / 2
    clean = (v * (theta * (1 - (edge / 2) ** 2 / theta**2))) @ v.T
    own = p[heads(p, count)]
    spread = own * (1 - own)
    np.fill_diagonal(clean, members * spread / spread.sum() + ridge * members)
    inverse = np.linalg.inv(_positive(clean, ridge * members))
    e = -inverse / np.diag(inverse)
    np.fill_diagonal(e, 0.0)
    return np.asarray(e, dtype=np.float64)


def _positive(matrix: Matrix, least: float) -> Matrix:
    """Noise can leave eigenvalues at or below zero: lift them, so that the inverse exists."""
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    return matrix if lowest >= least / 10 else matrix + np.eye(len(matrix)) * (least / 10 - lowest)


def _expected(logits: Vector, offsets: Vector) -> Vector:
    # Popularity is heavy-tailed: a few hundred distinct levels stand for thousands of items to six digits.
    order = np.sort(logits)
    parts = np.array_split(order, min(len(order), 400))
    level, weight = np.array([part.mean() for part in parts]), np.array([len(part) for part in parts])
    return np.asarray((1 / (1 + np.exp(-(level[None, :] + offsets[:, None])))) @ weight, dtype=np.float64)
