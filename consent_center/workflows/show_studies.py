"""Queries about studies for the staff: lists, one study with its history, the queue of a person."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from consent_center.errors import UnknownDefinitionError
from consent_center.storage import definitions, governance, ledger, runs, staff, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.lifecycle import ASSESSMENT, Stage, required_roles
from consent_center.studies.person import Person
from consent_center.studies.planner import AccountOutlook, outlook_of
from consent_center.studies.policy import StudyPolicy
from consent_center.studies.roles import Act
from consent_center.workflows._open_studies import known_open, known_some
from consent_center.workflows._studying import Known, known, surroundings
from consent_center.workflows.plan_study import accounts_of
from consent_center.workflows.sight import EVERYTHING, Sight
from federated.approvals import Approval
from federated.price import price

PAGE = 50
APPROVAL_SOON = timedelta(days=14)


@dataclass(frozen=True)
class StudyPage:
    """Everything that a study's page shows.

    Attributes:
        required: role -> how many must agree.
        accounts: what a run would cost each account.
        names: id -> name of everybody who is mentioned.
    """

    known: Known
    policy: StudyPolicy
    required: dict[str, int]
    accounts: tuple[AccountOutlook, ...]
    runs: list[str]
    names: dict[str, str]


@dataclass(frozen=True)
class Waiting:
    """Something that waits for a person.

    Attributes:
        what: "assess", "answer" or "resign" (her answer expires soon).
    """

    what: str
    study: str
    title: str
    closes_at: datetime


def show_study(tx: Transaction, study_id: str, *, at: datetime) -> Known:
    """One study and where it stands.

    Raises:
        UnknownStudyError: no such study.
    """
    return known(tx, studies.get(tx, study_id), at=at)


def show_study_page(tx: Transaction, study_id: str, *, at: datetime, sight: Sight = EVERYTHING) -> StudyPage:
    """Everything about one study; of its sites' accounts those that somebody may see.

    Raises:
        UnknownStudyError: no such study.
    """
    found = show_study(tx, study_id, at=at)
    policy = governance.policy(tx)
    mentioned = {found.study.author, found.study.accountable, *(one.reviewer for one, _ in found.answers)}
    mentioned |= {one.by for one in found.steps}
    people = {one.id: one.name for one in staff.everybody(tx)}
    cost = price(found.plan)
    return StudyPage(
        known=found,
        policy=policy,
        required=dict(required_roles(found.study, found.assessment, policy=policy)),
        accounts=tuple(
            outlook_of(name, ledger.balance(tx, name), cost)
            for name in accounts_of(tx, found.plan)
            if sight.sees_account(name)
        ),
        runs=[run.run for _, run in runs.listed(tx, study=study_id)],
        names={one: people.get(one, one) for one in mentioned},
    )


def show_studies(
    tx: Transaction,
    *,
    before: str = "",
    words: str = "",
    stage: Stage | None = None,
    at: datetime,
    sight: Sight = EVERYTHING,
) -> tuple[list[Known], str]:
    """One page of the studies that somebody may see, newest first, and where the next begins (empty at the end).

    Args:
        tx: the transaction.
        before: where the page begins; empty for the newest.
        words: each must be in the name, title, author or accountable head.
        stage: only studies that stand there; None for all.
        at: now.
        sight: whose page it is.
    """
    if stage is not None and stage is not Stage.CLOSED:
        fits = set(words.lower().split())
        open_ones = [one for one in known_open(tx, at=at) if sight.sees_study(one.study.id)]
        standing = [one for one in open_ones if one.standing.stage is stage and _has(one, fits)]
        standing = [one for one in reversed(standing) if not before or studies.mark_of(one.study) < before]
        return standing[:PAGE], studies.mark_of(standing[PAGE - 1].study) if len(standing) > PAGE else ""
    closed_at = None if stage is None else at
    some = studies.listed(tx, before=before, limit=PAGE + 1, words=words, closed_at=closed_at, only=sight.studies)
    more = studies.mark_of(some[PAGE - 1]) if len(some) > PAGE else ""
    return known_some(tx, some[:PAGE], at=at), more


def show_queue(tx: Transaction, person: Person, *, at: datetime) -> list[Waiting]:
    """What waits for a person, what closes first on top."""
    found = []
    policy = surroundings(tx).policy
    role = person.answers_as
    lent = {one.role for one in staff.stand_ins(tx, at=at, stand_in=person.id)}
    for one in known_open(tx, at=at):
        if person.id in one.study.designers:
            continue
        what = ""
        mine = [answer for answer, _ in one.answers if answer.reviewer == person.id]
        wanted = {name for name, _ in required_roles(one.study, one.assessment, policy=policy)}
        if person.may(Act.ASSESS_STUDY) and ASSESSMENT in one.standing.missing:
            what = "assess"
        elif role is not None and wanted & {role, *lent} & set(one.standing.missing) and not mine:
            what = "answer"
        elif mine and one.standing.stage is Stage.APPROVED and _ends_soon(mine[-1], policy, at=at):
            what = "resign"
        if what:
            found.append(Waiting(what, one.study.id, one.study.title, one.study.closes_at))
    return sorted(found, key=lambda one: one.closes_at)


def answering_roles(tx: Transaction, person: Person, *, at: datetime) -> list[str]:
    """The roles in which somebody may answer studies now: her own, then those lent to her."""
    own = person.answers_as
    if own is None:
        return []
    return [own, *(one.role for one in staff.stand_ins(tx, at=at, stand_in=person.id))]


def _has(one: Known, words: Collection[str]) -> bool:
    study = one.study
    places = [place.lower() for place in (study.id, study.title, study.author, study.accountable)]
    return all(any(word in place for place in places) for word in words)


def columns_of(tx: Transaction, scopes: Iterable[str]) -> dict[str, frozenset[str]]:
    """Scope -> the columns that it covers.

    Raises:
        UnknownDefinitionError: nobody defined one of them.
    """
    known_scopes = definitions.catalogue(tx).scopes
    for scope in scopes:
        if scope not in known_scopes:
            raise UnknownDefinitionError(scope)
    return {scope: frozenset(known_scopes[scope].fields) for scope in scopes}


def _ends_soon(answer: Approval, policy: StudyPolicy, *, at: datetime) -> bool:
    return at >= answer.at + policy.approval_lasts - APPROVAL_SOON
