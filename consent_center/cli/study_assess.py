"""`accord study assess`: the impact assessment of a study, from a file of answers, without a browser."""

from pathlib import Path
from typing import Annotated

import typer

from consent_center.cli.audit_store import open_store, read_text_file, say
from consent_center.settings import clock
from consent_center.studies.assessment import QUESTIONS
from consent_center.studies.errors import StudyFileError
from consent_center.studies.yaml_mapping import key_problems, read_mapping
from consent_center.studies.yaml_values import Problems, text_of
from consent_center.workflows.assess_study import assess_study


def assess(
    study: Annotated[str, typer.Argument(help="The study's name.")],
    path: Annotated[Path, typer.Argument(help=f"The answers, YAML: {', '.join(QUESTIONS)}, each in words.")],
    assessor: Annotated[str, typer.Option("--as", help="Who assesses: not one of the study's authors.")],
) -> None:
    """Assess what a study may do to members: the risk index is computed, your answers are kept with it."""
    answers = read_answers(read_text_file(path))
    with open_store() as store:
        made = store.run(assess_study, study, assessor=assessor, answers=answers, at=clock())
    say(f"Assessed {study}: risk {float(made.index):.2f}, current until {made.expires_at:%Y-%m-%d}.")
    if made.needs_ethics:
        say("The index is so high that an ethics reviewer must agree, too.")


def read_answers(text: str) -> dict[str, str]:
    """The answers of an assessor's file.

    Raises:
        StudyFileError: with every problem that it has.
    """
    data = read_mapping(text, what="an assessment")
    problems = Problems(key_problems(data, required={*QUESTIONS}, known={*QUESTIONS}))
    answers = {question: text_of(data, question, problems) for question in QUESTIONS}
    if problems.found:
        raise StudyFileError(tuple(problems.found))
    return answers
