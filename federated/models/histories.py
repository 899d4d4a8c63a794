"""What members bought, as sparse sets: the rows of a preference model. They never leave the site.

For each feature of kind items there are three matrices, shape (members, items of the catalogue):

    held    1 for what she bought until the plan's period `until`
    again   in how many periods, the older ones counting less: exp(-age/30)
    ahead   1 for what she bought in the `horizon` periods after that: the label of an evaluation, else all zero

Items that the catalogue does not name are left out; an item's name is a path whose first step is its department.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from federated.plan import Feature

DECAY_PERIODS = 30.0
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """Everybody's sets, by feature."""

    held: Mapping[str, sparse.csr_array]
    again: Mapping[str, sparse.csr_array]
    ahead: Mapping[str, sparse.csr_array]

    def __len__(self) -> int:
        """How many members."""
        return int(next(iter(self.held.values())).shape[0])

    def __getitem__(self, rows: object) -> "Histories":
        """Some members, by indices or by a mask."""
        return Histories(
            *({name: one[rows] for name, one in several.items()} for several in (self.held, self.again, self.ahead))
        )


def histories_of(
    features: Sequence[Feature],
    rows: Integers,
    columns: Mapping[str, pa.Array],
    periods: Integers,
    *,
    members: int,
    until: int,
    horizon: int,
) -> Histories:
    """Code and split purchases.

    Args:
        features: of kind items.
        rows: whose purchase, whole numbers below `members`, shape (purchases,).
        columns: item of each purchase by feature, text, null where it has none.
        periods: when, whole numbers (weeks), shape (purchases,).
        members: how many there are.
        until: the last period of the past.
        horizon: how many periods of the future are looked at.
    """
    held, again, ahead = {}, {}, {}
    past = periods <= until
    future = ~past & (periods <= until + horizon)
    for feature in features:
        codes = _codes(columns[feature.name], feature.categories)
        shape = (members, len(feature.categories))
        before, after = _once(rows, codes, periods, past), _once(rows, codes, np.zeros_like(periods), future)
        weight = np.exp((before[2] - until) / DECAY_PERIODS)
        again[feature.name] = sparse.csr_array((weight, before[:2]), shape=shape)
        held[feature.name] = _set(again[feature.name])
        ahead[feature.name] = sparse.csr_array((np.ones(after.shape[1]), after[:2]), shape=shape)
    return Histories(held, again, ahead)


def departments(feature: Feature) -> Integers:
    """Department of each item of a catalogue, coded 0.. in the order of first appearance, shape (items,)."""
    index = {name: code for code, name in enumerate(department_names(feature))}
    return np.array([index[item.partition("/")[0]] for item in feature.categories], dtype=np.int64)


def department_names(feature: Feature) -> tuple[str, ...]:
    """The departments of a catalogue, in the order of their codes."""
    return tuple(dict.fromkeys(item.partition("/")[0] for item in feature.categories))


def _codes(column: pa.Array, catalogue: Sequence[str]) -> Integers:
    found = pc.index_in(column, value_set=pa.array(list(catalogue), pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _once(rows: Integers, codes: Integers, periods: Integers, chosen: npt.NDArray[np.bool_]) -> Integers:
    """Each (member, item, period) once, shape (3, distinct)."""
    kept = chosen & (codes >= 0)
    return np.asarray(np.unique(np.stack([rows[kept], codes[kept], periods[kept]]), axis=1), dtype=np.int64)


def _set(counts: sparse.csr_array) -> sparse.csr_array:
    return sparse.csr_array((np.ones_like(counts.data), counts.indices, counts.indptr), shape=counts.shape)
