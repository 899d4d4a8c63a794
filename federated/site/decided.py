"""What this site decided about its members, as a file of decisions: audited by the way that somebody else's are.

    member     every member who is linked here
    decision   1 if a decision of the kind reached her, else 0
    outcome    her last word on any of them: 1 right, 0 not for me or unfair; empty where she said nothing

`accord audit take` takes it in, and what leaves the site then is a noised count by group, of members who agreed.
"""

import csv
from pathlib import Path
from typing import get_args

from federated.clearance import DecisionKind
from federated.errors import MalformedError
from federated.site.decisions import Decisions
from federated.site.store import SiteStore

COLUMNS = ("member", "decision", "outcome")


def write_decided(store: SiteStore, file: Path, *, kind: str) -> int:
    """Write the file for its owner's eyes only; returns how many members a decision of this kind reached.

    Raises:
        MalformedError: no kind of decision, or the file cannot be written.
    """
    if kind not in get_args(DecisionKind):
        raise MalformedError(f"decisions are of a kind: {', '.join(get_args(DecisionKind))}")
    reached = Decisions(store).reached(kind)
    members = sorted({*store.cohort_keys()} | {*reached})
    try:
        file.touch(mode=0o600)
        with file.open("w", newline="", encoding="utf-8") as lines:
            writer = csv.writer(lines)
            writer.writerow(COLUMNS)
            writer.writerows((one.hex(), int(one in reached), _outcome(reached.get(one, ""))) for one in members)
    except OSError as error:
        raise MalformedError(f"cannot write {file.name}: {error.strerror}; choose another folder") from error
    return len(reached)


def _outcome(answer: str) -> str:
    return "" if not answer else "1" if answer == "right" else "0"
