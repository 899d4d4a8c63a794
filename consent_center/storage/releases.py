"""What was decided about each model, as rows, newest last. All of them are only ever added."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Field, SQLModel, col, func, select

from consent_center.storage.columns import EntryId, EntryRef, moment, text
from consent_center.storage.transaction import Transaction
from consent_center.studies.override import Override, read_override
from federated.errors import FederatedError
from federated.passkey_signature import read_key_text
from federated.plan import digest
from federated.signed import Signed, encode

State = Literal["released", "withheld", "overridden", "suspended", "retired", "noted"]


class ReleaseRow(SQLModel, table=True):
    """One decision about one model; an override as the reviewer signed it, with the key that was hers at the time."""

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
    document: str | None = None
    public_key: str | None = None
    entry_id: EntryRef


@dataclass(frozen=True)
class Release:
    """One decision about one model.

    Attributes:
        verdict: of the release check: PASS, FAIL, INCONCLUSIVE or INSUFFICIENT.
        by: who overrode, suspended or retired it; empty for the check itself.
        until: when an override ends; None for anything else.
        signed: an override as its reviewer signed it; None for anything else.
        key: her public key at that time, as text.
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
    signed: Signed | None = None
    key: str = ""


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
            document=None if release.signed is None else release.signed.to_text(),
            public_key=release.key or None,
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
        signed=None if row.document is None else Signed.from_text(row.document),
        key=row.public_key or "",
    )


def override_of(release: Release) -> Override | None:
    """What a reviewer signed to let this model be used; None unless the signature is hers and says exactly this."""
    if release.signed is None or release.state != "overridden":
        return None
    try:
        said = read_override(release.signed, read_key_text(release.key))
    except FederatedError:
        return None
    kept = release.model_digest, release.run, release.verdict, release.by, release.reason, release.until
    signed = said.model_digest, said.run, said.verdict, said.reviewer, said.reason, said.until
    return said if kept == signed and said.report_digest == digest(encode(release.report)) else None


def is_usable(release: Release | None, *, at: datetime) -> bool:
    """May a model with this latest decision be used at this moment? No decision is a no, and so is a mere claim.

    An override counts only as far as its reviewer signed it, up to the moment that she signed.
    """
    if release is None or release.state not in ("released", "overridden"):
        return False
    if release.until is not None and at >= release.until:
        return False
    return release.state == "released" or override_of(release) is not None
