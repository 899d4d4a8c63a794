"""Runs, their cohorts and rounds, and what came out, as rows that are only ever added, but for their checkpoints.

A checkpoint is what a coordinator needs to go on after a crash; when the run has ended nobody does, and it is emptied.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlmodel import Field, SQLModel, col, func, insert, select, update

from consent_center.storage.columns import EntryId, EntryRef
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import UnknownRunError
from federated.gate import RoundReport, RunReport
from federated.plan import digest
from federated.signed import Signed


class RunRow(SQLModel, table=True):
    """One admitted run and its signed permit."""

    __tablename__ = "run"
    run: str = Field(primary_key=True)
    study: str = Field(foreign_key="study.id", index=True)
    epoch: int
    permit: str
    entry_id: EntryRef


class CohortRow(SQLModel, table=True):
    """One site's cohort of one run: the signed header and the packed body."""

    __tablename__ = "cohort"
    run: str = Field(primary_key=True, foreign_key="run.run")
    site: str = Field(primary_key=True)
    header: str
    body: bytes


class RunMemberRow(SQLModel, table=True):
    """One member of one run: which site used her, under which pseudonym, for which of the plan's uses."""

    __tablename__ = "run_member"
    run: str = Field(primary_key=True, foreign_key="run.run")
    member: str = Field(primary_key=True, index=True)
    site: str
    pseudonym: bytes
    uses: int


class RoundRow(SQLModel, table=True):
    """One settled round: what each site did, whom its statements newly removed, and how to go on after it."""

    __tablename__ = "round"
    run: str = Field(primary_key=True, foreign_key="run.run")
    number: int = Field(primary_key=True)
    kind: str
    sites: str
    seconds: float
    removed: str
    checkpoint: bytes
    entry_id: EntryRef


class OutcomeRow(SQLModel, table=True):
    """How a run ended."""

    __tablename__ = "outcome"
    run: str = Field(primary_key=True, foreign_key="run.run")
    outcome: str
    rounds: int
    results: str
    model: bytes
    model_digest: str = Field(index=True)
    entry_id: EntryRef


@dataclass(frozen=True)
class RunMember:
    """A member of a run, at the one site that uses her in it."""

    member: str
    site: str
    pseudonym: bytes
    uses: int


@dataclass(frozen=True)
class Run:
    """An admitted run."""

    run: str
    study: str
    epoch: int
    permit: Signed


@dataclass(frozen=True)
class Outcome:
    """How a run ended, with the model that came out of it (empty if none)."""

    run: str
    outcome: str
    rounds: int
    results: Mapping[str, Any]
    model: bytes
    model_digest: str


def add(
    tx: Transaction,
    run: Run,
    *,
    cohorts: Mapping[str, tuple[Signed, bytes]],
    members: Sequence[RunMember],
    entry: EntryId,
) -> None:
    """Keep an admitted run with its cohorts and members."""
    tx.session.add(RunRow(run=run.run, study=run.study, epoch=run.epoch, permit=run.permit.to_text(), entry_id=entry))
    tx.session.flush()
    for site, (header, body) in cohorts.items():
        tx.session.add(CohortRow(run=run.run, site=site, header=header.to_text(), body=body))
    tx.session.flush()
    if members:
        tx.session.exec(insert(RunMemberRow), params=[{"run": run.run, **asdict(member)} for member in members])


def find(tx: Transaction, run: str) -> Run | None:
    """A run, or None if it was never admitted."""
    row = tx.session.get(RunRow, run)
    return None if row is None else Run(row.run, row.study, row.epoch, Signed.from_text(row.permit))


def listed(
    tx: Transaction,
    *,
    study: str = "",
    before: int | None = None,
    limit: int = 50,
    of: Collection[str] | None = None,
) -> list[tuple[int, Run]]:
    """Runs with the number of their entry, newest first, of one study, of these or of all, below this number."""
    query = select(RunRow).order_by(col(RunRow.entry_id).desc()).limit(limit)
    if study:
        query = query.where(RunRow.study == study)
    if of is not None:
        query = query.where(col(RunRow.study).in_(of))
    if before is not None:
        query = query.where(RunRow.entry_id < before)
    return [
        (row.entry_id, Run(row.run, row.study, row.epoch, Signed.from_text(row.permit)))
        for row in tx.session.exec(query)
    ]


def studies_of(tx: Transaction, names: Collection[str]) -> dict[str, str]:
    """Run -> its study, for those of these that were admitted."""
    return dict(tx.session.exec(select(RunRow.run, RunRow.study).where(col(RunRow.run).in_(names))).all())


def studies_with_runs(tx: Transaction, *, limit: int) -> list[str]:
    """Studies of which a run was admitted."""
    return list(tx.session.exec(select(RunRow.study).distinct().limit(limit)))


def outcomes(tx: Transaction, names: Sequence[str]) -> dict[str, str]:
    """Run -> the word for how it ended, for those that have."""
    query = select(OutcomeRow.run, OutcomeRow.outcome).where(col(OutcomeRow.run).in_(names))
    return dict(tx.session.exec(query).all())


def progress(tx: Transaction, names: Sequence[str]) -> dict[str, int]:
    """Run -> how many of its rounds are settled."""
    query = select(RoundRow.run, func.count()).where(col(RoundRow.run).in_(names)).group_by(RoundRow.run)
    return dict(tx.session.exec(query).all())


def get(tx: Transaction, run: str) -> Run:
    """A run.

    Raises:
        UnknownRunError: it was never admitted.
    """
    if (known := find(tx, run)) is None:
        raise UnknownRunError(run)
    return known


def cohorts(tx: Transaction, run: str) -> dict[str, tuple[Signed, bytes]]:
    """Site -> signed header and packed body, exactly as issued."""
    rows = tx.session.exec(select(CohortRow).where(CohortRow.run == run).order_by(CohortRow.site)).all()
    return {row.site: (Signed.from_text(row.header), row.body) for row in rows}


def cohort_headers(tx: Transaction, run: str) -> dict[str, Signed]:
    """Site -> signed header alone, for whoever only counts."""
    rows = tx.session.exec(select(CohortRow.site, CohortRow.header).where(CohortRow.run == run)).all()
    return {site: Signed.from_text(header) for site, header in sorted(rows)}


def members(tx: Transaction, run: str, among: Iterable[str] | None = None) -> list[RunMember]:
    """The members of a run, or those of them who are among the given ones."""
    query = select(RunMemberRow.member, RunMemberRow.site, RunMemberRow.pseudonym, RunMemberRow.uses)
    query = query.where(RunMemberRow.run == run)
    if among is not None:
        query = query.where(col(RunMemberRow.member).in_(list(among)))
    return [RunMember(*row) for row in tx.session.exec(query)]


def runs_of(tx: Transaction, member: str) -> list[tuple[str, RunMember]]:
    """The runs that a member was admitted to, oldest first."""
    query = (
        select(RunMemberRow)
        .join(RunRow, col(RunRow.run) == col(RunMemberRow.run))
        .where(RunMemberRow.member == member)
        .order_by(col(RunRow.entry_id))
    )
    return [(row.run, RunMember(row.member, row.site, row.pseudonym, row.uses)) for row in tx.session.exec(query)]


def add_round(
    tx: Transaction, report: RoundReport, *, removed: Mapping[str, Collection[bytes]], entry: EntryId
) -> None:
    """Keep a settled round, with whom its statements newly removed at each site."""
    sites = json.dumps({site: asdict(done) for site, done in report.sites.items()})
    tx.session.add(
        RoundRow(
            run=report.run,
            number=report.round,
            kind=report.kind,
            sites=sites,
            seconds=report.seconds,
            removed=json.dumps({site: sorted(one.hex() for one in gone) for site, gone in removed.items() if gone}),
            checkpoint=report.checkpoint,
            entry_id=entry,
        )
    )


def has_round(tx: Transaction, run: str, number: int) -> bool:
    """Was this round settled already?"""
    return tx.session.get(RoundRow, (run, number)) is not None


def rounds(tx: Transaction, run: str) -> list[tuple[int, str, dict[str, dict[str, Any]]]]:
    """Number, kind and what each site did, of every settled round in order."""
    rows = tx.session.exec(select(RoundRow).where(RoundRow.run == run).order_by(col(RoundRow.number)))
    return [(row.number, row.kind, json.loads(row.sites)) for row in rows]


def removed_so_far(tx: Transaction, run: str) -> dict[str, set[bytes]]:
    """Site -> pseudonyms that the statements of the settled rounds removed."""
    removed: dict[str, set[bytes]] = {}
    for text in tx.session.exec(select(RoundRow.removed).where(RoundRow.run == run, RoundRow.removed != "{}")):
        for site, gone in json.loads(text).items():
            removed.setdefault(site, set()).update(bytes.fromhex(one) for one in gone)
    return removed


def checkpoints(tx: Transaction, run: str) -> tuple[bytes, ...]:
    """What it takes to go on with a run, round by round; empty once it has ended."""
    query = select(RoundRow.checkpoint).where(RoundRow.run == run).order_by(col(RoundRow.number))
    return tuple(kept for kept in tx.session.exec(query) if kept)


def add_outcome(tx: Transaction, report: RunReport, *, entry: EntryId) -> None:
    """Keep how a run ended, with its model as a candidate; its checkpoints are needed no more."""
    tx.session.exec(update(RoundRow).where(col(RoundRow.run) == report.run).values(checkpoint=b""))
    tx.session.add(
        OutcomeRow(
            run=report.run,
            outcome=report.outcome,
            rounds=report.rounds,
            results=json.dumps(report.results),
            model=report.model,
            model_digest=digest(report.model) if report.model else "",
            entry_id=entry,
        )
    )


def outcome(tx: Transaction, run: str) -> Outcome | None:
    """How a run ended, or None while it has not."""
    row = tx.session.get(OutcomeRow, run)
    if row is None:
        return None
    return Outcome(row.run, row.outcome, row.rounds, json.loads(row.results), row.model, row.model_digest)
