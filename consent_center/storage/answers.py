"""Answers already given under an idempotency key, so that the same request again changes nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, text
from sqlmodel import Field, SQLModel, col, delete

from consent_center.storage.columns import seconds
from consent_center.storage.transaction import Transaction


class AnswerRow(SQLModel, table=True):
    """What one request of one token was answered."""

    __tablename__ = "answer"
    token: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request: bytes
    body: str
    at: int = Field(sa_type=BigInteger, index=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that was given.

    Attributes:
        request: SHA-256 of the request.
        body: what was answered, JSON.
    """

    request: bytes
    body: str


def find(tx: Transaction, token: str, key: str) -> Answer | None:
    """The answer under this key, or None."""
    if tx.dialect == "postgresql":
        # The same request sent twice at once: the second waits here and then finds the answer of the first.
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        tx.session.connection().execute(lock, {"name": f"{token} {key}"})
    row = tx.session.get(AnswerRow, (token, key))
    return None if row is None else Answer(row.request, row.body)


def add(tx: Transaction, token: str, key: str, answer: Answer, *, at: datetime) -> None:
    """Keep an answer; it is written with what it answers, or not at all."""
    tx.session.add(AnswerRow(token=token, key=key, request=answer.request, body=answer.body, at=seconds(at)))
    tx.session.flush()


def forget(tx: Transaction, *, before: datetime) -> None:
    """Drop answers older than this."""
    tx.session.exec(delete(AnswerRow).where(col(AnswerRow.at) < seconds(before)))
