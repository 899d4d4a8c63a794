"""A request under the law and its clock, in words. Pure."""

from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from consent_center.rights.request import Request, Stage
from consent_center.web.catalogue import Words
from consent_center.web.formats import Formats, days_left


@dataclass(frozen=True)
class Clocked:
    """A request as a page shows it."""

    id: str
    right: str
    clock: Markup
    stage: str
    is_late: bool
    is_closed: bool
    request: Request


def clocked(request: Request, words: Words, formats: Formats, *, at: datetime) -> Clocked:
    """A request with the sentence that says how far it is."""
    asked = formats.day(request.asked_at)
    if request.stage is Stage.ANSWERED and request.closed_at is not None:
        clock = words("right.answered_on", asked=asked, date=formats.day(request.closed_at))
    elif request.stage is Stage.REFUSED and request.closed_at is not None:
        clock = words("right.refused_on", asked=asked, date=formats.day(request.closed_at))
    elif request.stage is Stage.TAKEN_BACK and request.closed_at is not None:
        clock = words("right.taken_back_on", asked=asked, date=formats.day(request.closed_at))
    elif request.is_late(at=at):
        clock = words("right.late", asked=asked, due=formats.day(request.due_at))
    else:
        left = days_left(request.due_at, at=at)
        clock = words.count("right.clock", left, asked=asked, due=formats.day(request.due_at), days=left)
    return Clocked(
        id=request.id,
        right=request.right.value,
        clock=clock,
        stage=request.stage.value,
        is_late=request.is_late(at=at),
        is_closed=request.stage.is_closed,
        request=request,
    )
