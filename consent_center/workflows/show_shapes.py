"""One model to read: origin, standing, every decision about it, and its curves. Queries: nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from consent_center.storage import lineage, releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.workflows.show_lineage import Lineage, show_lineage
from consent_center.workflows.sight import EVERYTHING, Sight, check_sight
from federated.errors import FederatedError
from federated.models.package import parse_package
from federated.models.registry import model_of
from federated.models.shapes import Stretch, shapes


@dataclass(frozen=True)
class ModelPage:
    """One model.

    Attributes:
        lineage: where it comes from, and how much of it still stands.
        kind: the name of the model in the registry.
        title: of the study that trained it.
        history: every decision about it, oldest first.
        stretches: of its curves; empty for a model that has none.
    """

    lineage: Lineage
    kind: str
    title: str
    history: Sequence[Release]
    stretches: Sequence[Stretch]


def show_model(tx: Transaction, model_digest: str, *, at: datetime, sight: Sight = EVERYTHING) -> ModelPage:
    """One model; of its sites and of the runs that score with it those that somebody answers for.

    Raises:
        ReleaseError: no run made this model.
        UnknownStudyError: it does not concern her sites.
    """
    found = show_lineage(tx, model_digest, at=at)
    check_sight(tx, sight, study=found.study)
    study = studies.get(tx, found.study)
    try:
        stretches = show_shapes(tx, model_digest)
    except ReleaseError:
        stretches = ()
    history = releases.history(tx, model_digest)
    return ModelPage(_seen(tx, found, sight), study.parsed().model, study.title, history, stretches)


def _seen(tx: Transaction, found: Lineage, sight: Sight) -> Lineage:
    study_of = runs.studies_of(tx, found.scored_by)
    return replace(
        found,
        cohorts={site: header for site, header in found.cohorts.items() if sight.sees_site(site)},
        contracts_ended=tuple(filter(sight.sees_site, found.contracts_ended)),
        scored_by=tuple(run for run in found.scored_by if sight.sees_study(study_of[run])),
        drifted=tuple(filter(sight.sees_site, found.drifted)),
    )


def show_shapes(tx: Transaction, model_digest: str) -> tuple[Stretch, ...]:
    """What each continuous feature adds, stretch by stretch.

    Raises:
        ReleaseError: no run made a model whose digest begins so, or it has no shapes.
    """
    made = lineage.called(tx, model_digest)
    outcome = runs.outcome(tx, made[0].run) if made else None
    if outcome is None:
        raise ReleaseError("no finished model has this digest: see accord model affected")
    try:
        package = parse_package(outcome.model)
        plan = package.parsed_plan()
        return shapes(model_of(plan), plan, package.weights, outcome.results)
    except FederatedError as error:
        raise ReleaseError(str(error)) from error
