"""Every model that this installation can run: one line each. A site runs what it installed, never what it is sent."""

import logging
from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points

from federated.errors import MalformedError, Refusal, RefusedError
from federated.models import churn, decisions, measures, network, preference, rules
from federated.models.model import Exchange, Model, Scorer
from federated.plan import Plan, Release
from federated.tables import check_scores, check_tables

GROUP = "accord.models"
_LOG = logging.getLogger(__name__)
_OURS: tuple[Model, ...] = (
    churn.LINEAR,
    churn.SHAPES,
    churn.PAIRS,
    network.MLP,
    preference.PREFERENCE,
    rules.DECAY,
    rules.RFM,
    decisions.DECISIONS,
    *measures.MEASURES.values(),
)
MODELS: Mapping[str, Model] = {model.name: model for model in _OURS}


@cache
def installed() -> Mapping[str, Model]:
    """Models of packages that whoever runs this installed beside it: entry points in the group `accord.models`.

    A package that cannot be loaded, is no model, or takes the name of one of ours is left out with a warning: a plan
    that names it is refused as unknown, every other plan runs.
    """
    found: dict[str, Model] = {}
    for point in entry_points(group=GROUP):
        try:
            model = point.load()
        except Exception as error:  # noqa: BLE001  another's code may fail in any way, and must not stop our models
            _LOG.warning("the model package of %s cannot be loaded: %s", point.name, type(error).__name__)
            continue
        if not isinstance(model, Model) or model.name in MODELS or model.name in found:
            _LOG.warning("%s is no model, or its name is taken; it is left out", point.name)
            continue
        found[model.name] = model
    return found


def model_of(plan: Plan) -> Model:
    """The model that a plan names, if the plan describes it rightly.

    Raises:
        RefusedError: `model-unknown`, or `malformed` if the plan's releases or settings are not this model's.
    """
    model = MODELS.get(plan.model) or installed().get(plan.model)
    if model is None:
        raise RefusedError(Refusal.MODEL_UNKNOWN, f"no model is called {plan.model}; install it, or change the plan")
    try:
        if plan.releases_of("score"):
            check_scores(plan)
        else:
            if not plan.package or isinstance(model, decisions.Decisions):
                model.check(plan)
            if not plan.package and model.rounds(plan) and not plan.releases_of("train"):
                raise MalformedError(f"a plan of {model.name} trains it, or names the finished model that it audits")
            check_tables(plan)
    except MalformedError as error:
        raise RefusedError(Refusal.MALFORMED, str(error)) from error
    return model


def scorer_of(plan: Plan) -> Scorer:
    """The model that a plan names, if it gives each member one number.

    Raises:
        RefusedError: `model-unknown`: no such model, or one that makes lists.
    """
    model = model_of(plan)
    if not isinstance(model, Scorer):
        raise RefusedError(Refusal.MODEL_UNKNOWN, f"{plan.model} gives no scores; choose a model that does")
    return model


def exchanges(plan: Plan) -> tuple[Exchange, ...]:
    """The rounds of a run in order: the exchange with helpers, the model's own, then evaluation and audit, if planned.

    A scoring run has one, which its site drives itself (`federated.site.scoring`); an audit of a finished model and a
    rule have no rounds of the model's own.

    Coordinator and sites derive it from the same plan, so neither can ask for a round that is not in it.
    """
    model = model_of(plan)
    asked: list[tuple[Release, ...]] = [crossing] if (crossing := plan.releases_of("exchange")) else []
    asked += [] if plan.package else model.rounds(plan)
    asked += [releases for kind in ("score", "evaluate", "audit") if (releases := plan.releases_of(kind))]
    return tuple(Exchange(number, releases) for number, releases in enumerate(asked, start=1))
