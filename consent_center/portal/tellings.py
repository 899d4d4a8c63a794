"""Who was told that a use has ended, and whether they confirmed: for the pages after an answer, and receipts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from consent_center.consent.grant import Statement
from consent_center.consent.propagation import Outcome, Task
from consent_center.portal.names import Names
from consent_center.web.formats import Formats


@dataclass(frozen=True)
class Telling:
    """One recipient and what became of telling it.

    Attributes:
        mark, colour: of the design language.
        text: a sentence.
    """

    mark: str
    colour: str
    text: Markup


def tellings(
    tasks: Sequence[tuple[Task, str]], said: Statement, names: Names, formats: Formats, *, at: datetime
) -> list[Telling]:
    """What became of telling each recipient of one statement.

    Args:
        tasks: every task about the member with its outcome, "" while open.
        said: the statement that caused some of them.
        names: in the reader's language.
        formats: hers.
        at: now.
    """
    caused = [
        (task, outcome)
        for task, outcome in tasks
        if task.change == said.act.value and task.said_at == said.at and set(task.items) <= set(said.items)
    ]
    return [telling(task, outcome, names, formats, at=at) for task, outcome in caused]


def telling(task: Task, outcome: str, names: Names, formats: Formats, *, at: datetime) -> Telling:
    """What became of one task."""
    who = formats.cap(names.recipient_said(task.recipient))
    if outcome == Outcome.DELIVERED:
        return Telling("good", "", names.words("told.confirmed", recipient=who))
    if outcome:
        return Telling("event", "", names.words("told.nothing_held", recipient=who))
    due = formats.minute(task.due_at)
    if at >= task.due_at:
        return Telling("warn", "is-stop", names.words("told.late", recipient=who, date=due))
    return Telling("next", "", names.words("told.waiting", recipient=who, date=due))
