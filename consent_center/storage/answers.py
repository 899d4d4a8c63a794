"""Answers already given under an idempotency key, so that the same request again changes nothing."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, text, tuple_
from sqlmodel import Field, SQLModel, col, delete, select

from consent_center.storage.bulk import chunks, insert_rows
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
    return find_many(tx, [(token, key)]).get((token, key))


def find_many(tx: Transaction, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], Answer]:
    """(token, key) -> the answer under it; keys under which nothing was answered are left out."""
    if not keys:
        return {}
    if tx.dialect == "postgresql":
        # The same request sent twice at once: the second waits here and then finds the answer of the first. Locks
        # are taken in one order, so that two groups never wait for each other.
        lock = text(
            "SELECT pg_advisory_xact_lock(h)"
            " FROM (SELECT hashtextextended(n, 0) AS h FROM unnest(CAST(:names AS text[])) AS n ORDER BY 1) AS ordered"
        )
        names = sorted(f"{token} {key}" for token, key in keys)
        tx.session.connection().execute(lock, {"names": names})
    found: dict[tuple[str, str], Answer] = {}
    for some in chunks(sorted(keys)):
        query = select(AnswerRow).where(tuple_(col(AnswerRow.token), col(AnswerRow.key)).in_(some))
        found |= {(row.token, row.key): Answer(row.request, row.body) for row in tx.session.exec(query)}
    return found


def add(tx: Transaction, token: str, key: str, answer: Answer, *, at: datetime) -> None:
    """Keep an answer; it is written with what it answers, or not at all."""
    add_many(tx, [(token, key, answer)], at=at)


def add_many(tx: Transaction, given: Sequence[tuple[str, str, Answer]], *, at: datetime) -> None:
    """Keep answers, each with its token and key."""
    rows = [(token, key, answer.request, answer.body, seconds(at)) for token, key, answer in given]
    insert_rows(tx, AnswerRow, ("token", "key", "request", "body", "at"), rows)


def forget(tx: Transaction, *, before: datetime) -> None:
    """Drop answers older than this."""
    tx.session.exec(delete(AnswerRow).where(col(AnswerRow.at) < seconds(before)))
