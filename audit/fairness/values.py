"""One number for each member as rows, checked before they are counted: answers, what lists are like, prices, offers.

`member`, and `value` between the ends that the audit's plan names; an empty value says that she was asked and is
silent. Groups are not in the file: the site joins them from what members gave, for members who consented.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import refuse_repeats
from audit.fairness.errors import DecisionsError

COLUMNS = {"member", "value"}


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Numbers of members, one each.

    Attributes:
        members: the site's pseudonyms.
        values: shape (members,), NaN for those who are silent.
    """

    members: tuple[str, ...]
    values: npt.NDArray[np.float64]


def read_values(rows: Iterable[Mapping[str, str | None]], *, low: float, high: float) -> Values:
    """Check rows as `csv.DictReader` yields them.

    Args:
        rows: with the columns member and value, no others.
        low: lower end; `high` the upper one.
        high: see `low`.

    Raises:
        DecisionsError: no rows, other columns, a value that is no number or beyond the ends, with the number of the
            line (the header is line 1). Values are not repeated in the message: they are a member's.
        RepeatedMemberError: a member has two rows.
    """
    members, values = [], []
    for line, row in enumerate(rows, start=2):
        if set(row) != COLUMNS:
            raise DecisionsError("the file needs the columns member and value, and no others", line=1)
        member, written = (row["member"] or "").strip(), (row["value"] or "").strip()
        if not member:
            raise DecisionsError("the member is missing", line=line)
        members.append(member)
        values.append(_number(written, low, high, line) if written else math.nan)
    if not members:
        raise DecisionsError("the file holds no value", line=1)
    refuse_repeats(members)
    return Values(tuple(members), np.array(values))


def _number(text: str, low: float, high: float, line: int) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise DecisionsError(f"the value is not a number from {low:g} to {high:g}", line=line)
    return number
