"""Which runs made models, and which runs rest on which studies."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import col, func, select

from consent_center.storage.members import EnrolmentRow
from consent_center.storage.runs import OutcomeRow, RunMemberRow, RunRow
from consent_center.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Trained:
    """A run that made a model."""

    model: str
    run: str
    study: str
    rounds: int


def trained(tx: Transaction, model_digest: str | None = None) -> list[Trained]:
    """Every run that made a model, oldest first, or the ones that made this one."""
    query = (
        select(OutcomeRow.model_digest, OutcomeRow.run, RunRow.study, OutcomeRow.rounds)
        .join(RunRow, col(RunRow.run) == col(OutcomeRow.run))
        .where(OutcomeRow.model_digest != "")
        .order_by(col(OutcomeRow.entry_id))
    )
    if model_digest is not None:
        query = query.where(OutcomeRow.model_digest == model_digest)
    return [Trained(*row) for row in tx.session.exec(query)]


def called(tx: Transaction, beginning: str) -> list[Trained]:
    """The runs that made the one model whose digest begins so; empty if no model does, or several do."""
    found = [one for one in trained(tx) if beginning and one.model.startswith(beginning)]
    return found if len({one.model for one in found}) == 1 else []


def members_of(tx: Transaction, run: str) -> int:
    """How many members were in the cohorts of a run."""
    return tx.session.exec(select(func.count()).select_from(RunMemberRow).where(RunMemberRow.run == run)).one()


def runs_of_studies(tx: Transaction, studies: Sequence[str]) -> list[str]:
    """The runs of these studies, oldest first."""
    query = select(RunRow.run).where(col(RunRow.study).in_(studies)).order_by(col(RunRow.entry_id))
    return list(tx.session.exec(query))


def agreed_to(tx: Transaction, run: str, mask: int) -> int:
    """How many members of a run allow one of these uses of its plan."""
    query = select(func.count()).select_from(RunMemberRow).where(RunMemberRow.run == run)
    return tx.session.exec(query.where(col(RunMemberRow.uses).op("&")(mask) != 0)).one()


def enrolled_at(tx: Transaction, sites: Sequence[str]) -> int:
    """How many members are enrolled at one of these sites or more."""
    query = select(func.count(func.distinct(EnrolmentRow.member_no)))
    return tx.session.exec(query.where(col(EnrolmentRow.site).in_(sites), col(EnrolmentRow.ended).is_(None))).one()
