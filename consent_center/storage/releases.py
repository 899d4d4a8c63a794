"""What was decided about each model, as rows, newest last. All of them are only ever added."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Field, SQLModel, col, func, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction

State = Literal["released", "withheld", "overridden", "suspended", "retired"]


class ReleaseRow(SQLModel, table=True):
    """One decision about one model."""

    __tablename__ = "release"
    id: int | None = Field(default=None, primary_key=True)
    model_digest: str = Field(index=True)
    run: str = Field(foreign_key="run.run")
    state: str
    verdict: str
    report: str
    by: str
    reason: str
    decided_at: str
    until: str | None
    entry_id: EntryRef


@dataclass(frozen=True)
class Release:
    """One decision about one model.

    Attributes:
        verdict: of the release check: PASS, FAIL, INCONCLUSIVE or INSUFFICIENT.
        by: the named reviewer of an override; empty for the check itself.
        until: when an override ends; None if it does not.
    """

    model_digest: str
    run: str
    state: State
    verdict: str
    report: Mapping[str, Any]
    by: str
    reason: str
    decided_at: datetime
    until: datetime | None


def add(tx: Transaction, release: Release, *, entry: EntryId) -> None:
    """Keep a decision."""
    tx.session.add(
        ReleaseRow(
            model_digest=release.model_digest,
            run=release.run,
            state=release.state,
            verdict=release.verdict,
            report=json.dumps(release.report),
            by=release.by,
            reason=release.reason,
            decided_at=text(release.decided_at),
            until=None if release.until is None else text(release.until),
            entry_id=entry,
        )
    )


def latest(tx: Transaction, model_digest: str) -> Release | None:
    """The newest decision about a model, or None if nobody decided yet."""
    query = (
        select(ReleaseRow).where(ReleaseRow.model_digest == model_digest).order_by(col(ReleaseRow.id).desc()).limit(1)
    )
    row = tx.session.exec(query).first()
    return None if row is None else _release(row)


def judged(tx: Transaction, run: str) -> Release | None:
    """What the check said of a run, or None if it was not judged yet."""
    query = select(ReleaseRow).where(ReleaseRow.run == run, ReleaseRow.by == "").order_by(col(ReleaseRow.id)).limit(1)
    row = tx.session.exec(query).first()
    return None if row is None else _release(row)


def history(tx: Transaction, model_digest: str) -> list[Release]:
    """Every decision about a model, oldest first."""
    query = select(ReleaseRow).where(ReleaseRow.model_digest == model_digest).order_by(col(ReleaseRow.id))
    return [_release(row) for row in tx.session.exec(query)]


def listed(tx: Transaction, *, limit: int = 1000) -> list[Release]:
    """Decisions about all models, newest first."""
    return [
        _release(row) for row in tx.session.exec(select(ReleaseRow).order_by(col(ReleaseRow.id).desc()).limit(limit))
    ]


def newest(tx: Transaction) -> list[Release]:
    """The newest decision about each model, the latest decided first."""
    last = select(func.max(ReleaseRow.id)).group_by(ReleaseRow.model_digest)
    query = select(ReleaseRow).where(col(ReleaseRow.id).in_(last)).order_by(col(ReleaseRow.id).desc())
    return [_release(row) for row in tx.session.exec(query)]


def _release(row: ReleaseRow) -> Release:
    return Release(
        model_digest=row.model_digest,
        run=row.run,
        state=row.state,  # type: ignore[arg-type]  # written by `add` only
        verdict=row.verdict,
        report=json.loads(row.report),
        by=row.by,
        reason=row.reason,
        decided_at=moment(row.decided_at),
        until=None if row.until is None else moment(row.until),
    )


def is_usable(release: Release | None, *, at: datetime) -> bool:
    """May a model with this latest decision be used at this moment? No decision is a no."""
    if release is None or release.state not in ("released", "overridden"):
        return False
    return release.until is None or at < release.until
