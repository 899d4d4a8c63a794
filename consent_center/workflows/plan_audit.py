"""Somebody asks for an audit of a finished model: its plan is filed and then approved like any study."""

from datetime import datetime

from consent_center.storage import lineage, runs, studies
from consent_center.storage.transaction import Transaction
from consent_center.studies.audit_file import AuditFile, audit_study
from consent_center.studies.errors import ReleaseError
from consent_center.studies.study import Study
from federated.models.decisions import declaration_bytes


def plan_audit(tx: Transaction, file: AuditFile, *, author: str, organisation: str, at: datetime) -> Study:
    """The study of an audit, to be filed with `file_study`. A query for `store.read`: it writes nothing.

    Raises:
        ReleaseError: no finished model has this digest.
        StudyFileError: the parts make no plan.
    """
    package = finished_model(tx, file.model) if file.decisions is None else declaration_bytes(file.decisions)
    return audit_study(file, package=package, author=author, organisation=organisation, at=at)


def finished_model(tx: Transaction, model_digest: str) -> bytes:
    """The bytes of a finished model.

    Raises:
        ReleaseError: no run made a model of this digest.
    """
    made = lineage.trained(tx, model_digest) if model_digest else []
    outcome = runs.outcome(tx, made[0].run) if made else None
    if outcome is None:
        raise ReleaseError("no finished model has this digest: see the list of audits, or hand its declaration over")
    return outcome.model


def package_of(tx: Transaction, study: str) -> bytes | None:
    """The finished model that a study audits; None if it trains one, or if its decisions are somebody else's.

    Raises:
        UnknownStudyError: no such study.
    """
    wanted = studies.get(tx, study).parsed().package
    made = lineage.trained(tx, wanted) if wanted else []
    outcome = runs.outcome(tx, made[0].run) if made else None
    return None if outcome is None else outcome.model
