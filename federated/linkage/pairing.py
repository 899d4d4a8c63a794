"""Which two holders, for what, and for how long: everything across two holders is bound to these four.

Two pairings never share a key, a token or a point: all of them are derived from `Pairing.domain`, whose encoding is
injective. The epoch follows a fixed calendar (the quarter), so that its change tells nothing about anybody.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from federated.errors import MalformedError

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)
_EPOCH = re.compile(r"[0-9]{4}-q[1-4]", re.ASCII)


@dataclass(frozen=True)
class Pairing:
    """Two holders of data about the same members, one purpose, one epoch.

    Attributes:
        holder: the site that asks: it holds the label, and it alone learns who is at both.
        helper: the site that is asked.
        purpose: code of the linkage purpose that the members allowed, at both sites and for this partner.
        epoch: the quarter, as `2026-q4`.

    Raises:
        MalformedError: a name of another form, or a site that is paired with itself.
    """

    holder: str
    helper: str
    purpose: str
    epoch: str

    def __post_init__(self) -> None:
        if not all(_NAME.fullmatch(name) for name in (self.holder, self.helper, self.purpose)):
            raise MalformedError("the names of a pairing are lower-case letters, digits and single hyphens, up to 64")
        if self.holder == self.helper:
            raise MalformedError("a site is not paired with itself")
        if not _EPOCH.fullmatch(self.epoch):
            raise MalformedError("an epoch is a quarter, such as 2026-q4")

    def domain(self, use: str) -> bytes:
        """What separates one use of this pairing from every other: no name holds a bar."""
        return f"accord/linkage/v1|{use}|{self.holder}|{self.helper}|{self.purpose}|{self.epoch}".encode()


def epoch_of(at: datetime) -> str:
    """The quarter that a moment falls into.

    Args:
        at: an aware time; the calendar is UTC's.
    """
    if at.tzinfo is None:
        raise MalformedError("an epoch needs a time with a zone")
    day = at.astimezone(UTC)
    return f"{day.year:04d}-q{(day.month - 1) // 3 + 1}"


def epoch_ends(epoch: str) -> datetime:
    """The moment at which the quarter after this one begins.

    Raises:
        MalformedError: not a quarter.
    """
    if not _EPOCH.fullmatch(epoch):
        raise MalformedError("an epoch is a quarter, such as 2026-q4")
    year, quarter = int(epoch[:4]), int(epoch[-1])
    return datetime(year + quarter // 4, quarter % 4 * 3 + 1, 1, tzinfo=UTC)
