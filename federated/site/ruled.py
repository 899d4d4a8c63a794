"""What a rule without a model would say of this site's members, as a file of decisions: the baseline of every model.

    member     every member who is linked here and has the rule's signals
    score      decay: the share of her signals that have gone silent; RFM: 0 for the best members, 1 for the lost
    outcome    what came true, 0 or 1, if a column says it; empty where nobody knows

`accord audit take` takes it in: the rule is then counted, judged and reported like any model, beside it. Nobody is told
anything by a rule: a decision reaches a member only by a released model (`site.offers`).
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from federated.errors import MalformedError
from federated.site.early_warning import DAYS, Floats, decay, rfm
from federated.site.features import labels
from federated.site.scoring import Desk

Rule = Literal["decay", "rfm"]
COLUMNS = ("member", "score", "outcome")
RFM = ("recency", "frequency", "money")
BEST, LOST = 9, 3


@dataclass(frozen=True)
class Signal:
    """Where a signal of the rule stands in the site's rows.

    Attributes:
        column: of the site's own rows.
        unit: days of one of its units, for decay.
        low, high: its public range, for RFM.
    """

    column: str
    unit: float = 1.0
    low: float = 0.0
    high: float = 1.0

    @classmethod
    def read(cls, text: str) -> Self:
        """`COLUMN`, `COLUMN*DAYS` or `COLUMN:LOW:HIGH`.

        Raises:
            MalformedError: none of these.
        """
        try:
            match text.split(":"):
                case [one]:
                    column, _, unit = one.partition("*")
                    found = cls(column.strip(), unit=float(unit or 1))
                case [column, low, high]:
                    found = cls(column.strip(), low=float(low), high=float(high))
                case _:
                    raise ValueError
        except ValueError as error:
            raise MalformedError(f"a signal is COLUMN, COLUMN*DAYS or COLUMN:LOW:HIGH, not {text}") from error
        if not found.column or not 0 < found.unit < np.inf or not -np.inf < found.low < found.high < np.inf:
            raise MalformedError(f"a signal names a column, a positive number of days and a low below its high: {text}")
        return found


def write_ruled(desk: Desk, file: Path, *, rule: str, signals: Mapping[str, Signal], outcome: str = "") -> int:
    """Write the file for its owner's eyes only; returns how many members the rule says something of.

    Args:
        desk: the site's means.
        file: what to write.
        rule: decay or rfm.
        signals: of decay any of visit, add and buy; of RFM recency, frequency and money, all three.
        outcome: the column of what came true; empty for none.

    Raises:
        MalformedError: no such rule or signal, or the file cannot be written; nothing was written.
        RefusedError: `data-unreadable`: a column is not there.
    """
    _check(rule, signals)
    columns = [one.column for one in signals.values()]
    rows = desk.source.read(sorted(desk.store.cohort_keys()), list(dict.fromkeys([*columns, *filter(None, [outcome])])))
    known = {name: _numbers(rows.columns[one.column], one.column) for name, one in signals.items()}
    if rule == "decay":
        scores = decay({name: known[name] * one.unit for name, one in signals.items()})
    else:
        scores = (BEST - rfm(*(_unit(known[name], signals[name]) for name in RFM))) / (BEST - LOST)
        scores = np.where(np.all([np.isnan(known[name]) for name in RFM], axis=0), np.nan, scores)
    came = labels(rows.columns[outcome]) if outcome else np.full(len(scores), np.nan)
    lines = [
        (member.hex(), f"{score:.6f}", "" if np.isnan(came[at]) else int(came[at]))
        for at, (member, score) in enumerate(zip(rows.pseudonyms, scores, strict=True))
        if not np.isnan(score)
    ]
    _write(file, lines)
    return len(lines)


def _check(rule: str, signals: Mapping[str, Signal]) -> None:
    if rule not in get_args(Rule):
        raise MalformedError(f"a rule is one of {', '.join(get_args(Rule))}")
    if rule == "decay" and not (signals and {*signals} <= {*DAYS}):
        raise MalformedError(f"decay reads one or more of {', '.join(DAYS)}: only signals that the site has")
    if rule == "rfm" and {*signals} != {*RFM}:
        raise MalformedError(f"RFM reads {', '.join(RFM)}, each with its public range")


def _numbers(column: npt.NDArray[Any], name: str) -> Floats:
    if column.dtype.kind not in "fiub":
        raise MalformedError(f"{name} holds no numbers; name a column of days, or one with a public range")
    return np.asarray(column, dtype=np.float64)


def _unit(values: Floats, signal: Signal) -> Floats:
    return np.asarray(np.clip((values - signal.low) / (signal.high - signal.low), 0.0, 1.0))


def _write(file: Path, lines: Sequence[tuple[object, ...]]) -> None:
    try:
        file.touch(mode=0o600)
        with file.open("w", newline="", encoding="utf-8") as out:
            csv.writer(out).writerows([COLUMNS, *sorted(lines, key=str)])
    except OSError as error:
        raise MalformedError(f"cannot write {file.name}: {error.strerror}; choose another folder") from error
