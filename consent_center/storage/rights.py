"""Requests under the law, as rows: filed once, followed by steps; nothing is changed.

What the member wrote and what was answered are kept only in the sealed payloads of their audit entries, so that
erasing her key erases them.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import BigInteger, func
from sqlmodel import Field, SQLModel, col, select

from consent_center.rights.request import NoSuchRequestError, Request, Right, Stage
from consent_center.storage import entries
from consent_center.storage.columns import EntryId, EntryRef, from_seconds, moment, seconds, text
from consent_center.storage.members import MemberRow
from consent_center.storage.transaction import Transaction


class RightRow(SQLModel, table=True):
    """One request, as filed."""

    __tablename__ = "right_request"
    name: str = Field(primary_key=True)
    member_no: int = Field(foreign_key="member.no", index=True, sa_type=BigInteger)
    right: str
    asked_at: int = Field(sa_type=BigInteger)
    due_at: str
    first_answer_due_at: str | None = None
    once: str = Field(unique=True)
    entry_id: EntryRef


class RightStepRow(SQLModel, table=True):
    """What happened to a request: extended, answered, refused, taken back."""

    __tablename__ = "right_step"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(foreign_key="right_request.name", index=True)
    stage: str
    at: int = Field(sa_type=BigInteger)
    due_at: str
    entry_id: EntryRef


class RightTaskRow(SQLModel, table=True):
    """What a site has to do for a request."""

    __tablename__ = "right_task"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(foreign_key="right_request.name", index=True)
    site: str
    done_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Task:
    """One site's share of a request."""

    site: str
    done_at: datetime | None


def add(tx: Transaction, request: Request, *, member_no: int, once: str, sites: Sequence[str], entry: EntryId) -> None:
    """Keep a request, with a task for each of these sites."""
    tx.session.add(
        RightRow(
            name=request.id,
            member_no=member_no,
            right=request.right.value,
            asked_at=seconds(request.asked_at),
            due_at=text(request.due_at),
            first_answer_due_at=None if request.first_answer_due_at is None else text(request.first_answer_due_at),
            once=once,
            entry_id=entry,
        )
    )
    tx.session.flush()
    tx.session.add_all(RightTaskRow(name=request.id, site=site) for site in sites)


def add_step(tx: Transaction, request: Request, *, at: datetime, entry: EntryId) -> None:
    """Keep what just happened to a request."""
    tx.session.add(
        RightStepRow(
            name=request.id, stage=request.stage.value, at=seconds(at), due_at=text(request.due_at), entry_id=entry
        )
    )


def filed_once(tx: Transaction, once: str) -> str | None:
    """The request that this form has already filed, if it was posted before."""
    return tx.session.exec(select(RightRow.name).where(RightRow.once == once)).first()


def get(tx: Transaction, name: str, *, member: str | None = None) -> Request:
    """A request as it stands.

    Args:
        tx: the transaction.
        name: which.
        member: whose it must be; None for staff.

    Raises:
        NoSuchRequestError: unknown, or somebody else's.
    """
    query = select(RightRow, MemberRow.member).join(MemberRow, col(MemberRow.no) == col(RightRow.member_no))
    found = tx.session.exec(query.where(RightRow.name == name)).first()
    if found is None or (member is not None and found[1] != member):
        raise NoSuchRequestError
    return _folded(tx, *found)


def of_member(tx: Transaction, member: str, *, limit: int = 200) -> list[Request]:
    """Every request of a member, latest first."""
    query = (
        select(RightRow, MemberRow.member)
        .join(MemberRow, col(MemberRow.no) == col(RightRow.member_no))
        .where(MemberRow.member == member)
        .order_by(col(RightRow.entry_id).desc())
        .limit(limit)
    )
    return [_folded(tx, row, name) for row, name in tx.session.exec(query).all()]


def open_ones(tx: Transaction, *, limit: int = 200) -> list[Request]:
    """Requests of anybody that are not closed, the one that is due first on top: for staff."""
    closed = select(RightStepRow.name).where(
        col(RightStepRow.stage).in_([stage.value for stage in Stage if stage.is_closed])
    )
    query = (
        select(RightRow, MemberRow.member)
        .join(MemberRow, col(MemberRow.no) == col(RightRow.member_no))
        .where(col(RightRow.name).not_in(closed))
        .order_by(col(RightRow.due_at))
        .limit(limit)
    )
    return [_folded(tx, row, member) for row, member in tx.session.exec(query).all()]


def count_open(tx: Transaction, member: str) -> int:
    """How many requests of a member are not closed."""
    closed = select(RightStepRow.name).where(
        col(RightStepRow.stage).in_([stage.value for stage in Stage if stage.is_closed])
    )
    query = (
        select(func.count())
        .select_from(RightRow)
        .join(MemberRow, col(MemberRow.no) == col(RightRow.member_no))
        .where(MemberRow.member == member, col(RightRow.name).not_in(closed))
    )
    return tx.session.exec(query).one()


def tasks(tx: Transaction, name: str) -> list[Task]:
    """What sites have to do for a request, by site."""
    query = select(RightTaskRow).where(RightTaskRow.name == name).order_by(RightTaskRow.site)
    return [
        Task(row.site, None if row.done_at is None else from_seconds(row.done_at)) for row in tx.session.exec(query)
    ]


def finish_task(tx: Transaction, name: str, site: str, *, at: datetime) -> bool:
    """A site has done its share.

    Returns:
        Was it open until now?

    Raises:
        NoSuchRequestError: it has none.
    """
    query = select(RightTaskRow).where(RightTaskRow.name == name, RightTaskRow.site == site)
    row = tx.session.exec(query).first()
    if row is None:
        raise NoSuchRequestError
    if row.done_at is not None:
        return False
    row.done_at = seconds(at)
    tx.session.add(row)
    return True


def _folded(tx: Transaction, row: RightRow, member: str) -> Request:
    filed = _payload(tx, row.member_no, row.entry_id)
    request = Request(
        id=row.name,
        member=member,
        right=Right(row.right),
        about=str(filed.get("about", "")),
        detail=str(filed.get("detail", "")),
        asked_at=from_seconds(row.asked_at),
        due_at=moment(row.due_at),
        first_answer_due_at=None if row.first_answer_due_at is None else moment(row.first_answer_due_at),
    )
    query = select(RightStepRow).where(RightStepRow.name == row.name).order_by(col(RightStepRow.entry_id))
    for step in tx.session.exec(query):
        said, stage = _payload(tx, row.member_no, step.entry_id), Stage(step.stage)
        request = replace(
            request,
            stage=stage,
            due_at=moment(step.due_at),
            reason=str(said.get("reason", "")) or request.reason,
            answer=str(said.get("answer", "")),
            closed_at=from_seconds(step.at) if stage.is_closed else None,
        )
    return request


def _payload(tx: Transaction, member_no: int, entry: int) -> dict[str, object]:
    opened = entries.opened(tx, member_no, EntryId(entry))
    if opened is None:
        return {}
    document: dict[str, object] = json.loads(opened[1])
    return document
