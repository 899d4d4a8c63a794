"""From what a study asks for to the plan that reviewers sign: noise, rounds and prices, from public numbers only."""

from collections.abc import Mapping

from federated.errors import MalformedError
from federated.models.descent import GRADIENT, Descending
from federated.models.exchange_plan import Asking, crossing
from federated.models.noise_choice import gaussian_for
from federated.models.registry import MODELS, exchanges, installed
from federated.plan import BUCKETS, Attribute, Feature, Part, Plan, Release, Use
from federated.tables import HISTOGRAM, SUPPORT, TABLE
from privacy.accounting import gdp_mu
from privacy.choice import rounds_for
from privacy.mechanism import DiscreteLaplace


def churn_plan(
    *,
    study: str,
    country: str,
    sites: tuple[str, ...],
    uses: tuple[Use, ...],
    features: tuple[Feature, ...],
    label: str,
    horizon_days: int,
    attributes: tuple[Attribute, ...],
    members: int,
    epsilon: float = 2.0,
    delta: float = 1e-5,
    epsilon_histogram: float = 0.4,
    epsilon_table: float = 0.8,
    model: str = "churn-shapes",
    threshold: float = 0.5,
    bins: int = 10,
    held_out: tuple[int, int] = (80, 100),
    rounds: int | None = None,
    minimum_cohort: int = 200,
    max_attempts: int = 1,
    epsilon_support: float = 0.0,
    exchange: Asking | None = None,
) -> Plan:
    """A churn training with its evaluation and its fairness tables.

    Args:
        study: the study that files it.
        country: where the rows are used.
        sites: who takes part.
        uses: which items the releases rest on; kinds train, evaluate and audit.
        features: columns with public ranges.
        label: the column to predict.
        horizon_days: how far ahead it looks.
        attributes: a fairness table for each.
        members: about how many members will take part, a public band: it sets the number of rounds, nothing else.
        epsilon: of all gradients together, at `delta`, for any one member of the train part.
        delta: of the ledger that will be charged.
        epsilon_histogram: pure, of the histogram of scores, on the held-out part.
        epsilon_table: pure, of each attribute's table, on the held-out part.
        model: a name in the registry.
        threshold: scores at or above it are selected.
        bins: equal bins of the histogram.
        held_out: the buckets, of 100, that are not trained on.
        rounds: T; None lets the schedule choose.
        minimum_cohort: fewer members to train on, over all sites, are refused.
        max_attempts: how often a round may be tried; each try is priced.
        epsilon_support: pure, of the count of where each continuous feature has members, on the held-out part; 0 leaves
            it out, and then nobody can say which parts of a shape rest on nothing.
        exchange: whose columns help, if any; the one site then holds the label.

    Raises:
        MalformedError: the parts do not make a plan.
    """
    trained: object = MODELS.get(model) or installed().get(model)
    if not isinstance(trained, Descending):
        raise MalformedError(f"no churn model is called {model}; the registry has {', '.join(sorted(MODELS))}")
    split = split_of(held_out)
    trained_on = members * sum(high - low for low, high in split["train"]) // BUCKETS
    mu = gdp_mu(epsilon, delta)
    count = rounds if rounds is not None else rounds_for(members=trained_on, mu=mu)
    features = (*features, *(exchange.features if exchange else ()))
    bound = trained.bound(features)
    releases = [
        *(crossing(exchange, members=trained_on, delta=delta, held_out=bool(split["held-out"])) if exchange else ()),
        Release(
            name=GRADIENT,
            kind="train",
            part="train",
            mechanism=gaussian_for(bound=bound, times=count * max_attempts, epsilon=epsilon, delta=delta),
            times=count * max_attempts,
        ),
        Release(HISTOGRAM, "evaluate", "held-out", DiscreteLaplace(1, epsilon_histogram), max_attempts),
        *(
            Release(SUPPORT + one.name, "evaluate", "held-out", DiscreteLaplace(1, epsilon_support), max_attempts)
            for one in features
            if epsilon_support and one.kind == "continuous"
        ),
        *(
            Release(TABLE + one.name, "audit", "held-out", DiscreteLaplace(1, epsilon_table), max_attempts)
            for one in attributes
        ),
    ]
    plan = Plan(
        study=study,
        model=model,
        country=country,
        sites=sites,
        uses=uses,
        features=features,
        label=label,
        horizon_days=horizon_days,
        attributes=attributes,
        releases=tuple(releases),
        split=split,
        settings={"rounds": count, "bins": bins, "threshold": threshold},
        minimum_cohort=minimum_cohort,
        max_attempts=max_attempts,
        exchange=exchange.part if exchange else None,
    )
    exchanges(plan)
    return plan


def split_of(held_out: tuple[int, int]) -> Mapping[Part, tuple[tuple[int, int], ...]]:
    """Train on everything but these buckets.

    Raises:
        MalformedError: not some of the buckets 0 to 99, or all of them.
    """
    low, high = held_out
    if not 0 <= low < high <= BUCKETS or high - low == BUCKETS:
        raise MalformedError("held_out takes some of the buckets 0 to 99 and leaves some to train on")
    return {
        "train": tuple(part for part in ((0, low), (high, BUCKETS)) if part[0] < part[1]),
        "held-out": (held_out,),
        "judge": (),
    }
