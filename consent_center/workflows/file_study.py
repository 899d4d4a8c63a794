"""A data scientist asks to use members' data."""

from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StudyError
from consent_center.studies.study import Study
from federated.errors import MalformedError

LONGEST = timedelta(days=366)


def file_study(tx: Transaction, study: Study, *, at: datetime) -> Study:
    """Keep a study as filed; from now on its plan never changes.

    Raises:
        StudyError: the identifier is taken, the closing date is past or more than a year away, or the plan cannot be
            read.
    """
    if studies.exists(tx, study.id):
        raise StudyError(f"a study {study.id} exists: file the changed plan under another identifier")
    if not at < study.closes_at <= at + LONGEST:
        raise StudyError("the closing date must lie in the future, at most a year ahead")
    if not (study.reason.strip() and study.benefits.strip() and study.accountable.strip()):
        raise StudyError("say why, who benefits and who answers for it: none may be empty")
    try:
        plan = study.parsed()
    except MalformedError as error:
        raise StudyError(f"the plan cannot be read: {error}") from error
    if plan.study != study.id:
        raise StudyError(f"the plan belongs to study {plan.study}, not {study.id}")
    entry = tx.append(
        Event(
            "study.filed",
            public={
                "study": study.id,
                "plan": study.plan_digest,
                "purposes": sorted(plan.purposes),
                "role": "data-scientist",
            },
            private={"author": study.author, "title": study.title, "accountable": study.accountable},
        ),
        at=at,
    )
    studies.add(tx, study, entry=entry)
    return study
