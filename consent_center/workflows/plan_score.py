"""Somebody asks to score a site's members with a finished model: its plan is filed and then approved like any study."""

from datetime import datetime

from consent_center.storage import lineage, releases, runs
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.studies.score_file import ScoreFile, score_study
from consent_center.studies.study import Study


def plan_score(tx: Transaction, file: ScoreFile, *, author: str, organisation: str, at: datetime) -> Study:
    """The study of a scoring, to be filed with `file_study`. A query for `store.read`: it writes nothing.

    Raises:
        ReleaseError: no finished model has this digest, or it may not be used now.
        StudyFileError: the parts make no plan.
    """
    package = usable_model(tx, file.model, at=at)
    return score_study(file, package=package, author=author, organisation=organisation, at=at)


def usable_model(tx: Transaction, model_digest: str, *, at: datetime) -> bytes:
    """A query: the bytes of a finished model that may be used now, to be handed to a site.

    Args:
        tx: the snapshot.
        model_digest: of the model, or as much of its beginning as tells it from all others.
        at: now.

    Raises:
        ReleaseError: no run made a model whose digest begins so, or several did, or it is neither released nor let
            through at this moment.
    """
    made = lineage.called(tx, model_digest)
    outcome = runs.outcome(tx, made[0].run) if made else None
    if outcome is None:
        raise ReleaseError("no model, or more than one, has a digest that begins so: see accord model affected")
    if not releases.is_usable(releases.latest(tx, made[0].model), at=at):
        raise ReleaseError("this model is not released, or its release has ended: audit it, or score by a rule")
    return outcome.model
