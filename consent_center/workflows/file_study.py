"""A data scientist asks to use members' data."""

import re
from datetime import datetime, timedelta

from consent_center.events import Event
from consent_center.storage import staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import StudyError
from consent_center.studies.planner import unused_scopes
from consent_center.studies.roles import Act
from consent_center.studies.study import Study
from consent_center.studies.yaml_mapping import did_you_mean
from consent_center.workflows._studying import columns_by_scope, plan_refusals, surroundings
from federated.errors import MalformedError
from federated.plan import Plan
from federated.price import price
from privacy.accounting import epsilon_of_cost

LONGEST = timedelta(days=366)
_DELTA = 1e-5
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?", re.ASCII)


def file_study(tx: Transaction, study: Study, *, at: datetime) -> Study:
    """Keep a study as filed; from now on its plan never changes.

    Raises:
        StudyError: the identifier is taken, the closing date is past or more than a year away, the plan cannot be
            read, or something in it is refused; says what.
    """
    refuse_study(tx, study, at=at)
    plan = study.parsed()
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


def refuse_study(tx: Transaction, study: Study, *, at: datetime) -> None:
    """Refuse a study that could not be filed now.

    Raises:
        StudyError: see `file_study`.
    """
    if not _NAME.fullmatch(study.id):
        raise StudyError("a study is named by 1 to 64 lower-case letters, digits and inner hyphens")
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
    _refuse_people(tx, study, at=at)
    _refuse_plan(tx, study, plan, at=at)


def _refuse_people(tx: Transaction, study: Study, *, at: datetime) -> None:
    author = staff.find(tx, study.author)
    if author is not None and not (author.is_here(at=at) and author.may(Act.FILE_STUDY)):
        raise StudyError("only a data scientist who is still here files a study")
    accountable = staff.find(tx, study.accountable)
    if accountable is not None and not accountable.is_here(at=at):
        raise StudyError("whoever answers for the study has left: name somebody who is here")
    if accountable is None and (here := [one.id for one in staff.everybody(tx) if one.is_here(at=at)]):
        near = did_you_mean(study.accountable, here)
        raise StudyError(f"nobody here is called {study.accountable}{near or ': name the account that answers for it'}")
    if study.replaces and not studies.exists(tx, study.replaces):
        raise StudyError(f"there is no study {study.replaces} to replace: check the name")


def _refuse_plan(tx: Transaction, study: Study, plan: Plan, *, at: datetime) -> None:
    around = surroundings(tx)
    if plan.minimum_cohort < around.policy.least_cohort:
        raise StudyError(f"no plan may run on fewer than {around.policy.least_cohort} members: raise minimum_cohort")
    epsilon = epsilon_of_cost(price(plan), _DELTA)
    if epsilon > around.policy.epsilon_ceiling:
        raise StudyError(
            f"one run would cost a member epsilon {epsilon:.2f}; the ceiling is {around.policy.epsilon_ceiling:g}"
        )
    if refused := plan_refusals(plan, around, at=at):
        raise StudyError("; ".join(f"{code}: {advice}" for code, advice in refused))
    scopes = plan.scopes
    if study.necessity:
        features = [*plan.features, *(feature for one in plan.helpers for feature in one.features)]
        used = [plan.label, *(one.name for one in features), *(one.name for one in plan.attributes)]
        if idle := unused_scopes(columns_by_scope(around.catalogue, sorted(scopes)), used):
            raise StudyError(f"no column of the plan lies in {', '.join(idle)}: drop what is not needed")
        if missing := sorted(scopes - set(study.necessity)):
            raise StudyError(f"say why each scope is needed; nothing is said of {', '.join(missing)}")
