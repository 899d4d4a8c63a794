"""The plan of an audit of a finished model, ours or somebody else's: tables only, over members who agreed to the audit.

Everybody in the cohort is counted: the plan has one part, "judge". A training run audits its candidate on the held-out
part itself (`churn_plan`); this is the audit after that: again on newer data, or of decisions that others made.
"""

from collections.abc import Mapping

from federated.errors import MalformedError, Refusal, RefusedError
from federated.models.decisions import DECISIONS, OUTCOME, Decisions, Measure, parse_declaration
from federated.models.measures import GIVEN, MEASURES, SHELVES
from federated.models.model import Model, Vector
from federated.models.package import parse_package
from federated.models.registry import exchanges
from federated.plan import BUCKETS, Attribute, Feature, Plan, Release, Use, digest
from federated.plan_exchange import RandomisedExchange
from federated.tables import BINS, table_name
from privacy.mechanism import DiscreteLaplace

EPSILON_TABLE = 0.8
MINIMUM = 200


def audit_plan(
    *,
    study: str,
    country: str,
    sites: tuple[str, ...],
    purpose: str,
    scopes: tuple[str, ...],
    attributes: tuple[Attribute, ...],
    package: bytes,
    threshold: float | None = None,
    bins: int | None = None,
    limits: Mapping[str, float] | None = None,
    epsilon_table: float = EPSILON_TABLE,
    minimum_cohort: int = MINIMUM,
) -> Plan:
    """Audit one finished model.

    Args:
        study: the study that files it.
        country: where the rows are used.
        sites: where it is counted.
        purpose: of the audit, to which the members agreed.
        scopes: what the audit reads.
        attributes: a table for each.
        package: a finished model's bytes, or a `Declaration`'s; the plan names their digest.
        threshold: scores at or above it are selected; None: the one the model was trained with, .5 for decisions.
        bins: into how many equal parts of [0, 1] scores are cut; the threshold must be an edge between two. None: two
            bins, below and above it. More of them let the report say what other thresholds would change.
        limits: of verdicts, by the names of `audit.fairness.verdict.Thresholds`; approved with the plan, they bind.
        epsilon_table: pure, of each table.
        minimum_cohort: fewer members over all sites are refused.

    Raises:
        MalformedError: no model of this version, or the parts do not make a plan.
    """
    if not attributes:
        raise MalformedError("an audit compares groups: name at least one attribute")
    name, features, label, horizon, settings, exchange = _described(package)
    rungs = [one.name for one in features] if name in MEASURES and not label else [""]
    plan = Plan(
        study=study,
        model=name,
        country=country,
        sites=sites,
        uses=(Use(("audit",), purpose, scopes),),
        features=features,
        label=label,
        horizon_days=horizon,
        attributes=attributes,
        releases=tuple(
            Release(table_name(one.name, rung), "audit", "judge", DiscreteLaplace(1, epsilon_table))
            for rung in rungs
            for one in attributes
        ),
        split={"train": (), "held-out": (), "judge": ((0, BUCKETS),)},
        settings={
            **settings,
            **(limits or {}),
            **({} if threshold is None else {"threshold": threshold}),
            **({} if bins is None else {BINS: bins}),
        },
        minimum_cohort=minimum_cohort,
        package=digest(package),
        exchange=exchange,
    )
    exchanges(plan)
    return plan


def finished_weights(plan: Plan, model: Model, package: bytes) -> Vector:
    """The weights with which every site counts, of exactly the model that the plan names.

    Raises:
        RefusedError: `plan-changed`: another model than the approved one, or none.
        MalformedError: it does not fit the plan.
    """
    if digest(package) != plan.package:
        raise RefusedError(Refusal.PLAN_CHANGED, "the study approved another model; hand over the one it names")
    if isinstance(model, Decisions):
        return model.start(plan, members=0)
    finished = parse_package(package)
    model.check_weights(finished.parsed_plan(), finished.weights)
    return finished.weights


def _described(
    package: bytes,
) -> tuple[str, tuple[Feature, ...], str, int, dict[str, float], RandomisedExchange | None]:
    try:
        declared = parse_declaration(package)
    except MalformedError:
        made = parse_package(package)
        trained = made.parsed_plan()
        settings = dict(trained.settings)
        return trained.model, trained.features, trained.label, trained.horizon_days, settings, made.kept_exchange
    if (said := declared.measure) is not None:
        return said.kind, *_measured(declared.name, said), None
    column = Feature(declared.name, "continuous", 0.0, 1.0)
    return DECISIONS.name, (column,), declared.name + OUTCOME, 0, {"threshold": 0.5}, None


def _measured(name: str, said: Measure) -> tuple[tuple[Feature, ...], str, int, dict[str, float]]:
    """Columns, label, horizon and settings of an audit of members' numbers."""
    # A table needs an edge in the middle; means do not depend on it.
    settings = {"threshold": (said.bins // 2) / max(said.bins, 1), BINS: said.bins, "materiality": said.materiality}
    if said.kind == SHELVES:
        return tuple(Feature(one, "categorical", categories=said.shelves) for one in said.ladder), "", 0, settings
    if said.ladder:
        return tuple(Feature(one, "continuous", *ends) for one, ends in said.ladder.items()), "", 0, settings
    return (Feature(name, "continuous", float(said.low), float(said.high)),), name + GIVEN, 0, settings
