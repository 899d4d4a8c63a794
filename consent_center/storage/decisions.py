"""What the hub knows of automated decisions: that one was made, where, and a commitment to it. Never a reason.

All rows are only ever added; who answered a review and what she decided is in the sealed payload of its entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, func, text
from sqlmodel import Field, SQLModel, col, select

from consent_center.storage.bulk import chunks
from consent_center.storage.columns import EntryId, EntryRef, from_seconds, seconds
from consent_center.storage.members import MemberRow
from consent_center.storage.transaction import Transaction


class DecisionRow(SQLModel, table=True):
    """One decision that was cleared to reach its member."""

    __tablename__ = "decision"
    commitment: str = Field(primary_key=True)
    member_no: int = Field(foreign_key="member.no", index=True, sa_type=BigInteger)
    site: str
    run: str = Field(index=True)
    kind: str
    at: int = Field(sa_type=BigInteger)
    entry_id: EntryRef


class DecisionStepRow(SQLModel, table=True):
    """What happened to a decision after it was made: shown, answered, reviewed."""

    __tablename__ = "decision_step"
    id: int | None = Field(default=None, primary_key=True)
    commitment: str = Field(foreign_key="decision.commitment", index=True)
    step: str
    at: int = Field(sa_type=BigInteger)
    due_at: int | None = Field(default=None, sa_type=BigInteger)
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class Made:
    """A decision, as the hub knows it."""

    commitment: str
    member: str
    site: str
    run: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Step:
    """What happened to it: "right", "not-for-me", "unfair" (asks for a person), "upheld" or "changed" (by one).

    Attributes:
        due_at: when a person has to have answered, for "unfair".
    """

    commitment: str
    step: str
    at: datetime
    due_at: datetime | None


def add(tx: Transaction, made: Made, member_no: int, *, entry: EntryId) -> None:
    """Keep a decision."""
    tx.session.add(
        DecisionRow(
            commitment=made.commitment,
            member_no=member_no,
            site=made.site,
            run=made.run,
            kind=made.kind,
            at=seconds(made.at),
            entry_id=entry,
        )
    )


def add_step(tx: Transaction, step: Step, *, entry: EntryId) -> None:
    """Keep what happened to a decision."""
    due = None if step.due_at is None else seconds(step.due_at)
    tx.session.add(
        DecisionStepRow(commitment=step.commitment, step=step.step, at=seconds(step.at), due_at=due, entry_id=entry)
    )


def find(tx: Transaction, commitments: Sequence[str]) -> dict[str, Made]:
    """Those of these decisions that are known."""
    found: dict[str, Made] = {}
    for some in chunks(set(commitments)):
        query = (
            select(DecisionRow, MemberRow.member)
            .join(MemberRow, col(MemberRow.no) == col(DecisionRow.member_no))
            .where(col(DecisionRow.commitment).in_(some))
        )
        found |= {row.commitment: _read(row, member) for row, member in tx.session.exec(query)}
    return found


def of_member(tx: Transaction, member: str, *, limit: int = 200) -> list[Made]:
    """Decisions about a member, newest first."""
    query = (
        select(DecisionRow, MemberRow.member)
        .join(MemberRow, col(MemberRow.no) == col(DecisionRow.member_no))
        .where(MemberRow.member == member)
        .order_by(col(DecisionRow.entry_id).desc())
        .limit(limit)
    )
    return [_read(row, name) for row, name in tx.session.exec(query)]


def hold(tx: Transaction, what: str) -> None:
    """Whoever holds the same waits until this transaction has ended; on SQLite writers wait for one another anyway."""
    if tx.dialect == "postgresql":
        tx.session.connection().execute(text("SELECT pg_advisory_xact_lock(hashtext(:what))"), {"what": what})


def told_since(tx: Transaction, numbers: Sequence[int], *, since: datetime) -> dict[int, int]:
    """Member number -> how many decisions that count against her limit were cleared since a moment.

    Whoever counts before adding waits for one another: two sites at once never both take the last one she allows.
    """
    hold(tx, "accord.decision")
    counted: dict[int, int] = {}
    for some in chunks(set(numbers)):
        query = (
            select(DecisionRow.member_no, func.count())
            .where(col(DecisionRow.member_no).in_(some), DecisionRow.at > seconds(since))
            .where(col(DecisionRow.kind).in_(("offer", "recommendation")))
            .group_by(col(DecisionRow.member_no))
        )
        counted |= dict(tx.session.exec(query).all())
    return counted


def steps(tx: Transaction, commitments: Sequence[str]) -> dict[str, list[Step]]:
    """What happened to these decisions, oldest first."""
    found: dict[str, list[Step]] = {}
    for some in chunks(set(commitments)):
        query = (
            select(DecisionStepRow).where(col(DecisionStepRow.commitment).in_(some)).order_by(col(DecisionStepRow.id))
        )
        for row in tx.session.exec(query):
            found.setdefault(row.commitment, []).append(_step(row))
    return found


def entry_of(tx: Transaction, commitment: str, step: str) -> EntryId | None:
    """The entry of the last such step of a decision; None if it never came to that."""
    query = (
        select(DecisionStepRow.entry_id)
        .where(DecisionStepRow.commitment == commitment, DecisionStepRow.step == step)
        .order_by(col(DecisionStepRow.id).desc())
        .limit(1)
    )
    found = tx.session.exec(query).first()
    return None if found is None else EntryId(found)


def open_reviews(tx: Transaction, *, limit: int = 500) -> list[tuple[Made, Step]]:
    """Decisions that a member called unfair and no person has answered yet, the most urgent first."""
    answered = select(DecisionStepRow.commitment).where(col(DecisionStepRow.step).in_(("upheld", "changed")))
    query = (
        select(DecisionStepRow)
        .where(DecisionStepRow.step == "unfair", col(DecisionStepRow.commitment).not_in(answered))
        .order_by(col(DecisionStepRow.due_at), col(DecisionStepRow.id))
        .limit(limit)
    )
    asked = [_step(row) for row in tx.session.exec(query)]
    made = find(tx, [one.commitment for one in asked])
    return [(made[one.commitment], one) for one in asked]


def _read(row: DecisionRow, member: str) -> Made:
    return Made(row.commitment, member, row.site, row.run, row.kind, from_seconds(row.at))


def _step(row: DecisionStepRow) -> Step:
    due = None if row.due_at is None else from_seconds(row.due_at)
    return Step(row.commitment, row.step, from_seconds(row.at), due)
