"""Whose rows are whose: members in chunks that never split a member.

Laws: a chunk holds whole members who all have the same number of rows, next to each other. Without codes every row is
another member. Which rows share a chunk depends on the codes alone, never on what the rows contain.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from privacy.errors import ShapeError

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Rows = slice | Integers


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows, the members they belong to, and each member's share.

    Attributes:
        rows: how many rows there are.
        codes: whose row it is, whole numbers from 0, shape (rows,); None if each row is another member.
        shares: each member's weight at this site, in [0, 1], shape (members,); None for 1.
    """

    rows: int
    codes: Integers | None
    shares: Floats | None

    @classmethod
    def of(cls, members: npt.ArrayLike | None, shares: npt.ArrayLike | None, *, rows: int) -> "Groups":
        """Check codes and shares.

        Raises:
            ShapeError: not one code per row, a code that is negative, a member without a share, or a share outside
                [0, 1].
        """
        codes = None if members is None else np.asarray(members)
        if codes is not None:
            if codes.shape != (rows,) or (rows and (codes.dtype.kind not in "iu" or codes.min() < 0)):
                raise ShapeError("members must be whole numbers from 0, one per row")
            codes = codes.astype(np.int64, copy=False)
        parts = None if shares is None else np.asarray(shares, dtype=np.float64)
        if parts is not None:
            needed = rows if codes is None else int(codes.max(initial=-1)) + 1
            exact = parts.size == needed if codes is None else parts.size >= needed
            if parts.ndim != 1 or not exact or not ((parts >= 0) & (parts <= 1)).all():
                raise ShapeError("shares must be one number in [0, 1] per member")
        return cls(rows=rows, codes=codes, shares=parts)

    def chunks(self, most: int) -> Iterator[tuple[Rows, Floats | None, int]]:
        """Rows of whole members, the share of each of these rows, and how many rows each member has.

        Args:
            most: rows in a chunk, unless a single member has more.
        """
        if self.codes is None:
            for start in range(0, self.rows, most):
                chunk = slice(start, min(start + most, self.rows))
                yield chunk, None if self.shares is None else self.shares[chunk], 1
            return
        counts = np.bincount(self.codes)
        order = np.lexsort((self.codes, counts[self.codes]))
        sizes = counts[self.codes][order]
        for each in np.unique(sizes).tolist():
            of_size = order[np.searchsorted(sizes, each) : np.searchsorted(sizes, each, side="right")]
            step = max(most // each, 1) * each
            for start in range(0, of_size.size, step):
                rows = of_size[start : start + step]
                yield rows, None if self.shares is None else self.shares[self.codes[rows]], each
