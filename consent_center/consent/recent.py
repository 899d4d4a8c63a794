"""Who spoke lately: bits know only what stands now, so a question about a moment ago asks whom it must look up.

Questions carry the moment at which they arrived, and statements that arrived after it may be read before it is
answered. Law: for a moment that `after` answers, everybody who spoke later than it is in the answer.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

KEPT_S = 300
"""So many seconds before the newest statement may be asked about."""

MOST = 10_000
"""So many members are remembered before those who spoke longer ago are let go."""


@dataclass
class Recent:
    """Members who spoke after a second from which on moments can be asked about.

    Attributes:
        since: this second, since 1970.
        newest: second of the newest thing that anybody said.
        spoke: member -> second of the newest thing she said, where that is later than `since`.
    """

    since: int = 0
    newest: int = 0
    spoke: dict[int, int] = field(default_factory=dict)
    _full: int = field(default=MOST, repr=False, compare=False)

    @classmethod
    def of(cls, spoken: Iterable[tuple[int, int]], *, since: int, newest: int) -> "Recent":
        """From (member, second) of whatever was said after `since`, in any order."""
        made = cls(since, newest)
        for member, second in spoken:
            made.spoke[member] = max(second, made.spoke.get(member, 0))
        return made

    def hear(self, member: int, second: int) -> None:
        """The newest thing that a member said is of this second."""
        self.newest = max(self.newest, second)
        self.spoke.pop(member, None)
        if second > self.since:
            self.spoke[member] = second
            if len(self.spoke) > self._full:
                self.since = max(self.since, self.newest - KEPT_S)
                self.spoke = {one: when for one, when in self.spoke.items() if when > self.since}
                self._full = max(MOST, 2 * len(self.spoke))

    def after(self, at: datetime) -> set[int] | None:
        """The members who spoke later than this moment; None if it is too long ago to say."""
        second = int(at.timestamp())
        if second >= self.newest:
            return set()
        if second < self.since:
            return None
        return {member for member, when in self.spoke.items() if when > second}
