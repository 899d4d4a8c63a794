"""Three duties in a study, and nobody holds two of them: design, data governance, execution.

design       files the study
governance   assesses it, or answers it as a reviewer
execution    answers it for a site, whose rows it would use
"""

from collections.abc import Iterable
from enum import StrEnum

from consent_center.studies.errors import DutiesError


class Duty(StrEnum):
    """A person's part in one study."""

    DESIGN = "design"
    GOVERNANCE = "governance"
    EXECUTION = "execution"


def duty_of_answer(role: str) -> Duty:
    """The duty that an answer in this role gives."""
    return Duty.EXECUTION if role.startswith("site:") else Duty.GOVERNANCE


def duties_held(
    person: str, *, author: str, assessors: Iterable[str], answered: Iterable[tuple[str, str]]
) -> set[Duty]:
    """The duties that a person holds in a study.

    Args:
        person: who.
        author: who filed it.
        assessors: who assessed it.
        answered: reviewer and role of each answer so far.
    """
    held = {duty_of_answer(role) for reviewer, role in answered if reviewer == person}
    if person == author:
        held.add(Duty.DESIGN)
    if person in set(assessors):
        held.add(Duty.GOVERNANCE)
    return held


def check_duties(held: Iterable[Duty], wanted: Duty) -> None:
    """Refuse a second duty.

    Raises:
        DutiesError: she holds another one.
    """
    for duty in sorted(held):
        if duty is not wanted:
            raise DutiesError(held=duty.value, wanted=wanted.value)
