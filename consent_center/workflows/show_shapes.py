"""The curves of a finished model, and where they rest on no member. A query: it writes nothing."""

from consent_center.storage import lineage, runs
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from federated.errors import FederatedError
from federated.models.package import parse_package
from federated.models.registry import model_of
from federated.models.shapes import Stretch, shapes


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
