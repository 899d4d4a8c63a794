"""One model to read: origin, standing, every decision about it, and its curves. Queries: nothing is written."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from consent_center.storage import lineage, releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.workflows.show_lineage import Lineage, show_lineage
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


def show_model(tx: Transaction, model_digest: str, *, at: datetime) -> ModelPage:
    """One model.

    Raises:
        ReleaseError: no run made this model.
    """
    found = show_lineage(tx, model_digest, at=at)
    study = studies.get(tx, found.study)
    try:
        stretches = show_shapes(tx, model_digest)
    except ReleaseError:
        stretches = ()
    return ModelPage(found, study.parsed().model, study.title, releases.history(tx, model_digest), stretches)


def show_shapes(tx: Transaction, model_digest: str) -> tuple[Stretch, ...]:
    """What each continuous feature adds, stretch by stretch.

    Raises:
        ReleaseError: no run made a model whose digest begins so, or it has no shapes.
    """
    made = [one for one in lineage.trained(tx) if model_digest and one.model.startswith(model_digest)]
    outcome = runs.outcome(tx, made[0].run) if len({one.model for one in made}) == 1 else None
    if outcome is None:
        raise ReleaseError("no finished model has this digest: see accord model affected")
    try:
        package = parse_package(outcome.model)
        plan = package.parsed_plan()
        return shapes(model_of(plan), plan, package.weights, outcome.results)
    except FederatedError as error:
        raise ReleaseError(str(error)) from error
