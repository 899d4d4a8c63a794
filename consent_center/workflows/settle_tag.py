"""What a member wants done about a tag that a site holds: filed as a right, relayed, closed when it is done.

    file_right(about=AboutTag)  ->  the site deletes or restores  ->  settle_tag

A site that does not answer loses nothing: the request stays open with its clock, and is relayed again.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from consent_center.events import Event
from consent_center.rights.request import Request, Right, answer
from consent_center.storage import members, rights
from consent_center.storage.transaction import Transaction

_ABOUT = re.compile(r"tag:(delete|restore|correct):([a-z0-9-]{1,40}):([^\x00-\x1f\x7f]{1,80})")


class Wish(StrEnum):
    """What is to happen with a tag. A correction is in her own words: people at the site read it."""

    DELETE = "delete"
    RESTORE = "restore"
    CORRECT = "correct"

    @property
    def right(self) -> Right:
        """The right that it uses."""
        return Right.ERASE if self is Wish.DELETE else Right.CORRECT


@dataclass(frozen=True, slots=True)
class AboutTag:
    """What a request about a tag is about."""

    wish: Wish
    site: str
    name: str

    def __str__(self) -> str:
        """As requests carry it."""
        return f"tag:{self.wish}:{self.site}:{self.name}"

    @classmethod
    def parse(cls, about: str) -> "AboutTag | None":
        """The tag that a request is about, or None if it is about something else."""
        found = _ABOUT.fullmatch(about)
        return None if found is None else cls(Wish(found[1]), found[2], found[3])


def open_tag_requests(tx: Transaction, member: str) -> list[tuple[Request, AboutTag]]:
    """A query for `store.read`: deletions and restorations of tags that no site has done yet, oldest first."""
    open_ones = [request for request in reversed(rights.of_member(tx, member)) if not request.stage.is_closed]
    about = [(request, AboutTag.parse(request.about)) for request in open_ones]
    return [(request, tag) for request, tag in about if tag is not None and tag.wish is not Wish.CORRECT]


def settle_tag(tx: Transaction, *, name: str, text: str, at: datetime) -> Request:
    """The site has done it: its task ends, and the request is answered.

    Args:
        tx: the transaction.
        name: the request.
        text: the answer, as she reads it.
        at: now.

    Raises:
        NoSuchRequestError, RequestClosedError: nothing to settle.
    """
    request = rights.get(tx, name)
    answered = answer(request, text=text, at=at)
    for task in rights.tasks(tx, name):
        rights.finish_task(tx, name, task.site, at=at)
    private = {"request": name, "stage": answered.stage.value, "answer": text, "reason": "", "staff": ""}
    entry = tx.append(Event.of("right.answered", private=private, member=members.get(tx, request.member).no), at=at)
    rights.add_step(tx, answered, at=at, entry=entry)
    return answered
