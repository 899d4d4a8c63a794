"""Propagation tasks and what became of them, as rows.

A task is inserted in the transaction of the statement that causes it. An attempt is a row of its own. A claim only
keeps two workers from trying at once: it lapses by itself, so a worker that dies loses nothing.

Law: (cause, recipient) is unique, so that no change makes two tasks for one recipient, however often a sweep runs.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import itemgetter

from sqlalchemy import BigInteger, Column, Index, UniqueConstraint, func
from sqlmodel import Field, SQLModel, col, select, update

from consent_center.consent.propagation import DONE, Outcome, Task
from consent_center.consent.scope import Item
from consent_center.storage.bulk import Rows, chunks, insert_rows, rows_among
from consent_center.storage.columns import EntryId, from_seconds, seconds
from consent_center.storage.transaction import Transaction


class TaskRow(SQLModel, table=True):
    """One recipient is to be told of one change. Only `claimed_until`, `next_at`, `attempts` and `outcome` change."""

    __tablename__ = "task"
    __table_args__ = (
        UniqueConstraint("cause", "recipient", "change"),
        Index("task_open", "outcome", "next_at"),  # open ones are few and looked for every second, ended ones are kept
    )
    id: str = Field(primary_key=True)
    cause: int = Field(sa_column=Column(BigInteger, nullable=False))
    member_no: int = Field(sa_type=BigInteger, index=True)
    recipient: str = Field(index=True)
    change: str
    pseudonym: str
    items: str
    said_at: int = Field(sa_type=BigInteger)
    due_at: int = Field(sa_type=BigInteger)
    next_at: int = Field(sa_type=BigInteger)
    claimed_until: int = Field(default=0, sa_type=BigInteger)
    attempts: int = 0
    outcome: str = ""
    alarmed: bool = False


class AttemptRow(SQLModel, table=True):
    """One attempt to deliver one task."""

    __tablename__ = "attempt"
    task: str = Field(primary_key=True, foreign_key="task.id")
    number: int = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)
    outcome: str


class EndpointRow(SQLModel, table=True):
    """Where a recipient is told, and the wrapped secret that signs what it is told."""

    __tablename__ = "endpoint"
    recipient: str = Field(primary_key=True)
    url: str
    wrapped: bytes


_COLUMNS = (
    "id",
    "cause",
    "member_no",
    "recipient",
    "change",
    "pseudonym",
    "items",
    "said_at",
    "due_at",
    "next_at",
    "claimed_until",
    "attempts",
    "outcome",
    "alarmed",
)


def add_many(tx: Transaction, made: Sequence[tuple[Task, int, EntryId]]) -> int:
    """Keep tasks, given with the member's number and the entry that causes them; returns how many are new.

    A task of the same cause and recipient that exists already stays as it is.
    """
    known = _known(tx, [cause for _, _, cause in made])
    fresh = [one for one in made if (one[2], one[0].recipient, one[0].change) not in known]
    named = with_pseudonyms(tx, [(task, number) for task, number, _ in fresh])
    rows = rows_of([(task, number, cause) for task, (_, number, cause) in zip(named, fresh, strict=True)])
    insert_rows(tx, rows.table, rows.columns, rows.rows)
    return len(rows.rows)


def with_pseudonyms(tx: Transaction, planned: Sequence[tuple[Task, int]]) -> list[Task]:
    """Tasks, each given with its member's number, under her pseudonyms at their recipients."""
    known = pseudonyms_of(tx, {(number, task.recipient) for task, number in planned}) if planned else {}
    return [replace(task, pseudonym=known.get((number, task.recipient), "")) for task, number in planned]


def rows_of(made: Sequence[tuple[Task, int, EntryId]]) -> Rows:
    """The rows of tasks that are certainly new, each given with the member's number and the entry that causes it."""
    rows = []
    for task, number, cause in made:
        said_at, due_at = seconds(task.said_at), seconds(task.due_at)
        outcome = "" if task.pseudonym else Outcome.NOTHING_HELD.value
        items = json.dumps([str(item) for item in task.items])
        told = (task.id, cause, number, task.recipient, task.change, task.pseudonym, items, said_at, due_at)
        rows.append((*told, said_at, 0, 0, outcome, False))
    return Rows(TaskRow, _COLUMNS, rows)


def claim(tx: Transaction, recipients: Iterable[str], *, limit: int, lease: timedelta, at: datetime) -> list[Task]:
    """Take up to `limit` tasks of these recipients whose turn has come, from everybody else until the lease lapses."""
    now = seconds(at)
    query = (
        select(TaskRow)
        .where(TaskRow.outcome == "", TaskRow.next_at <= now, TaskRow.claimed_until <= now)
        .where(col(TaskRow.recipient).in_(list(recipients)))
        .order_by(col(TaskRow.next_at))  # as the index has them: however many wait, only these are read
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = tx.session.exec(query).all()
    for row in rows:
        row.claimed_until = now + int(lease.total_seconds())
    tx.session.flush()
    return [_task(row) for row in rows]


def record(tx: Transaction, task: str, outcome: Outcome, *, next_at: datetime, at: datetime) -> Task | None:
    """Keep how an attempt ended; None if the task had ended already (another worker was faster)."""
    row = tx.session.exec(select(TaskRow).where(TaskRow.id == task).with_for_update()).first()
    if row is None or row.outcome:
        return None
    row.attempts += 1
    row.claimed_until = 0
    row.next_at = seconds(next_at)
    if outcome in DONE:
        row.outcome = outcome.value
    insert_rows(tx, AttemptRow, ("task", "number", "at", "outcome"), [(task, row.attempts, seconds(at), outcome.value)])
    tx.session.flush()
    return _task(row)


def overdue(tx: Transaction, *, at: datetime) -> list[Task]:
    """Open tasks whose due time has passed and for which no alarm was raised; they are marked as raised."""
    query = select(TaskRow).where(TaskRow.outcome == "", TaskRow.due_at <= seconds(at), col(TaskRow.alarmed).is_(False))
    found = [_task(row) for row in tx.session.exec(query.with_for_update())]
    for some in chunks([task.id for task in found]):
        tx.session.exec(update(TaskRow).where(col(TaskRow.id).in_(some)).values(alarmed=True))
    return found


def of_member(tx: Transaction, member_no: int) -> list[tuple[Task, str]]:
    """Every task about a member with its outcome ("" while open), newest first."""
    query = select(TaskRow).where(TaskRow.member_no == member_no).order_by(col(TaskRow.said_at).desc(), TaskRow.id)
    return [(_task(row), row.outcome) for row in tx.session.exec(query)]


def listed(
    tx: Transaction, *, recipient: str = "", only_open: bool = False, after: str = "", limit: int = 100
) -> list[tuple[Task, str]]:
    """Tasks with their outcomes, in the order of their identifiers, after one of them."""
    query = select(TaskRow).where(TaskRow.id > after).order_by(TaskRow.id).limit(limit)
    if recipient:
        query = query.where(TaskRow.recipient == recipient)
    if only_open:
        query = query.where(TaskRow.outcome == "")
    return [(_task(row), row.outcome) for row in tx.session.exec(query)]


def backlog(tx: Transaction) -> dict[str, int]:
    """Recipient -> how many tasks are open."""
    query = select(TaskRow.recipient, func.count()).where(TaskRow.outcome == "").group_by(TaskRow.recipient)
    return dict(tx.session.exec(query).all())


def set_endpoint(tx: Transaction, recipient: str, *, url: str, wrapped: bytes) -> None:
    """Keep where a recipient is told; replaces what was there."""
    row = tx.session.get(EndpointRow, recipient) or EndpointRow(recipient=recipient, url=url, wrapped=wrapped)
    row.url, row.wrapped = url, wrapped
    tx.session.add(row)
    tx.session.flush()


def endpoints(tx: Transaction) -> dict[str, tuple[str, bytes]]:
    """Recipient -> address and wrapped secret."""
    return {row.recipient: (row.url, row.wrapped) for row in tx.session.exec(select(EndpointRow))}


def pseudonyms_of(tx: Transaction, wanted: set[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """(member number, site) -> her newest pseudonym there, ended links included: the site may still hold rows."""
    query = "SELECT member_no, site, pseudonym, entry_id FROM enrolment WHERE member_no IN {values}"
    rows = sorted(rows_among(tx, query, sorted({number for number, _ in wanted})), key=itemgetter(3))
    return {(number, site): pseudonym.hex() for number, site, pseudonym, _ in rows if (number, site) in wanted}


def _known(tx: Transaction, causes: Sequence[int]) -> set[tuple[int, str, str]]:
    found: set[tuple[int, str, str]] = set()
    for some in chunks(sorted(set(causes))):
        query = select(TaskRow.cause, TaskRow.recipient, TaskRow.change).where(col(TaskRow.cause).in_(some))
        found |= {(cause, recipient, change) for cause, recipient, change in tx.session.exec(query)}
    return found


def _task(row: TaskRow) -> Task:
    return Task(
        id=row.id,
        recipient=row.recipient,
        change=row.change,
        pseudonym=row.pseudonym,
        items=tuple(Item.parse(one) for one in json.loads(row.items)),
        said_at=from_seconds(row.said_at),
        due_at=from_seconds(row.due_at),
        attempts=row.attempts,
    )
