"""Notices that the lint held back, and what a reviewer decided."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel, select

from consent_center.storage.columns import EntryRef, seconds
from consent_center.storage.transaction import EntryId, Transaction


class NoticeReviewRow(SQLModel, table=True):
    """One held version of a notice; the decision is written into it once."""

    __tablename__ = "notice_review"
    digest: str = Field(primary_key=True)
    notice: str
    version: int
    author: str
    findings: str
    opened_at: int = Field(sa_type=BigInteger)
    reviewer: str = ""
    reason: str = ""
    passed: bool = False
    body: str = ""
    entry_id: EntryRef


@dataclass(frozen=True, slots=True)
class Review:
    """A held notice.

    Attributes:
        digest: SHA-256 of the notice exactly as it would be published.
        author: who wants to publish it; she cannot review it.
        reviewer: who decided; empty while open.
        passed: did she let it through?
    """

    digest: str
    notice: str
    version: int
    author: str
    findings: tuple[str, ...]
    reviewer: str = ""
    reason: str = ""
    passed: bool = False


def add(tx: Transaction, review: Review, *, body: str, entry: EntryId, at: datetime) -> None:
    """Keep a held notice, with its body exactly as it would be published."""
    tx.session.add(
        NoticeReviewRow(
            digest=review.digest,
            notice=review.notice,
            version=review.version,
            author=review.author,
            findings=json.dumps(review.findings),
            opened_at=seconds(at),
            body=body,
            entry_id=entry,
        )
    )
    tx.session.flush()


def find(tx: Transaction, digest: str) -> Review | None:
    """The review of a notice with this digest, or None."""
    row = tx.session.get(NoticeReviewRow, digest)
    return None if row is None else _review(row)


def body(tx: Transaction, digest: str) -> str:
    """A held notice exactly as it would be published; empty if it is unknown, or was held before bodies were kept."""
    row = tx.session.get(NoticeReviewRow, digest)
    return "" if row is None else row.body


def listed(tx: Transaction, *, only_open: bool, after: str, limit: int) -> list[Review]:
    """Up to `limit` held notices after a digest, by digest."""
    query = select(NoticeReviewRow).where(NoticeReviewRow.digest > after).order_by(NoticeReviewRow.digest).limit(limit)
    if only_open:
        query = query.where(NoticeReviewRow.reviewer == "")
    return [_review(row) for row in tx.session.exec(query)]


def decide(tx: Transaction, digest: str, *, reviewer: str, reason: str, passed: bool) -> None:
    """Write the decision into an open review."""
    row = tx.session.get(NoticeReviewRow, digest)
    if row is not None:
        row.reviewer, row.reason, row.passed = reviewer, reason, passed
        tx.session.add(row)
        tx.session.flush()


def _review(row: NoticeReviewRow) -> Review:
    findings: Sequence[str] = json.loads(row.findings)
    return Review(
        row.digest, row.notice, row.version, row.author, tuple(findings), row.reviewer, row.reason, row.passed
    )
