"""Somebody else's algorithm: its decisions as rows, checked before they are counted like our own.

A vendor's model or a legacy rule comes as one row per member: `member`, either `score` (0 to 1) or `decision` (0 or 1),
and, where it is known, `outcome` (0 or 1, empty if not known yet). Groups are not in the file: the site joins them from
what members gave, for members who consented. The rows stay at the site.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audit.fairness.counts import refuse_repeats
from audit.fairness.errors import DecisionsError

COLUMNS = ("member", "score", "decision", "outcome")


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """Decisions about members, one each.

    Attributes:
        members: the site's pseudonyms.
        scores: in [0, 1], shape (members,); a decision is 0 or 1, to be laid out with the threshold .5.
        outcomes: 0, 1 or NaN, shape (members,).
    """

    members: tuple[str, ...]
    scores: npt.NDArray[np.float64]
    outcomes: npt.NDArray[np.float64]


def read_decisions(rows: Iterable[Mapping[str, str | None]]) -> Decisions:
    """Check rows as `csv.DictReader` yields them.

    Raises:
        DecisionsError: no rows, a column that is unknown, missing or ambiguous, or a value out of range, with the
            number of the line (the header is line 1). Values are not repeated in the message: they are a member's.
        RepeatedMemberError: a member is decided about twice.
    """
    members, scores, outcomes = [], [], []
    column = ""
    for line, row in enumerate(rows, start=2):
        if None in row or any(value is None for value in row.values()):
            raise DecisionsError("the row does not have as many values as the header", line=line)
        column = column or _score_column(row)
        member = (row.get("member") or "").strip()
        if not member:
            raise DecisionsError("the member is missing", line=line)
        score = _number(row[column], column, line)
        if score is None or not 0 <= score <= 1 or (column == "decision" and score not in (0, 1)):
            allowed = "0 or 1" if column == "decision" else "from 0 to 1"
            raise DecisionsError(f"the {column} must be {allowed}", line=line)
        outcome = _number(row.get("outcome"), "outcome", line)
        if outcome not in (None, 0, 1):
            raise DecisionsError("the outcome must be 0, 1 or empty", line=line)
        members.append(member)
        scores.append(score)
        outcomes.append(math.nan if outcome is None else outcome)
    if not members:
        raise DecisionsError("the file holds no decision", line=1)
    refuse_repeats(members)
    return Decisions(tuple(members), np.array(scores), np.array(outcomes))


def _score_column(row: Mapping[str, str | None]) -> str:
    # A file without a header has a member's data where the names should be: they are not repeated either.
    if not set(row) <= set(COLUMNS):
        raise DecisionsError(f"the header must name columns among {', '.join(COLUMNS)} and no others", line=1)
    found = [name for name in ("score", "decision") if name in row]
    if "member" not in row or len(found) != 1:
        raise DecisionsError("the file needs the column member and exactly one of score and decision", line=1)
    return found[0]


def _number(text: str | None, column: str, line: int) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise DecisionsError(f"the {column} is not a number", line=line)
    return number
