"""From a site's raw columns to unit values: the public rule, the same at every site.

    continuous   moved to the nearest end of its public range, then scaled to [0, 1]; infinite or no number is missing
    binary       1, 0, true or false; anything else is missing
    categorical  one of the declared values; anything else is missing
    binned       the bin between the declared edges, the lower edge belonging to it; infinite or no number is missing

A missing value is NaN here and says nothing in a model (`federated.models.design`). How many values were missing or
out of range is data: it is never returned, logged or sent.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from federated.errors import MalformedError
from federated.plan import Feature

Column = Sequence[Any] | npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
_BAND = re.compile(r"(\d+)(?:-(\d+)|\+)", re.ASCII)


def unit_values(features: Sequence[Feature], columns: Mapping[str, Column]) -> Floats:
    """Unit values, shape (rows, features), NaN where missing.

    Args:
        features: the plan's features, in the order of the result's columns.
        columns: raw values by column name, None where the site has none; all of one length.
    """
    return np.column_stack([_unit(feature, columns[feature.name]) for feature in features])


def labels(column: Column) -> Floats:
    """Outcomes, shape (rows,): 0, 1, or NaN for everything else."""
    return _flags(column)


def group_codes(column: Column, groups: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each row's group; everything the plan does not name is "not given", the index after the last group.

    Numbers belong to the band that they lie in if every group is written as one: "0-499", "500-999", "1000+". A band
    begins at its number and ends where the next one begins, or one above its last number; bands need not join.
    """
    if isinstance(column, np.ndarray) and column.dtype.kind in "fiu" and (bands := _bands(groups)) is not None:
        numbers = np.asarray(column, dtype=np.float64)
        codes = np.full(len(numbers), -1, dtype=np.int64)
        for code, (low, high) in enumerate(bands):
            codes[(numbers >= low) & (numbers < high)] = code
        return np.where(codes < 0, len(groups), codes)
    codes = _codes(column, groups)
    return np.where(codes < 0, len(groups), codes)


def _bands(groups: Sequence[str]) -> list[tuple[float, float]] | None:
    found = [_BAND.fullmatch(group) for group in groups]
    if not all(found):
        return None
    ends = [(float(one[1]), float(one[2]) + 1 if one[2] else math.inf) for one in found if one is not None]
    return ends if all(low < high for low, high in ends) and ends == sorted(ends) else None


def _unit(feature: Feature, column: Column) -> Floats:
    match feature.kind:
        case "continuous":
            numbers = _numbers(column)
            return np.clip((numbers - feature.lo) / (feature.hi - feature.lo), 0.0, 1.0)
        case "binary":
            return _flags(column)
        case "items":
            raise MalformedError("a set of items has no unit value; it is read from the table of items")
        case "categorical":
            codes = _codes(column, feature.categories).astype(np.float64)
            return np.where(codes < 0, np.nan, codes)
        case "binned":
            numbers = _numbers(column)
            bins = np.searchsorted(np.asarray(feature.edges), numbers, side="right").astype(np.float64)
            return np.where(np.isnan(numbers), np.nan, bins)


def _numbers(column: Column) -> Floats:
    plain = isinstance(column, np.ndarray) and column.dtype.kind in "fiu"
    numbers = np.array(column if plain else [_number(value) for value in column], dtype=np.float64)
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _flags(column: Column) -> Floats:
    numbers = _numbers(column)
    return np.where((numbers == 0) | (numbers == 1), numbers, np.nan)


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")


def _codes(column: Column, values: Sequence[str]) -> npt.NDArray[np.int64]:
    """Index of each value among the declared ones, shape (rows,); -1 for anything else."""
    try:
        texts = pa.array(column, pa.string(), from_pandas=True)
    except (pa.ArrowInvalid, pa.ArrowTypeError, UnicodeError):
        # Not all of them are texts: say each as text, as the schema does.
        texts = pa.array([_text(value) for value in column], pa.string())
    found = pc.index_in(texts, value_set=pa.array(list(values), pa.string()))
    return np.asarray(pc.fill_null(found, -1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)
