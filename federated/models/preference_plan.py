"""The plan of a preference model: heads, ridge and noise from n, epsilon and the catalogue alone.

mu² per task:  .1 for its popularity and .4 for its Gram, each of what two tasks leave: all of it is B²
"""

import math
from collections.abc import Sequence

from federated.models.churn_plan import split_of
from federated.models.noise_choice import gaussian_for
from federated.models.preference import AGAIN, GRAM, NEW, POPULARITY
from federated.models.registry import exchanges
from federated.plan import Attribute, Feature, Plan, Release, Use
from federated.tables import COVERAGE, QUALITY, RECALL, TABLE
from privacy.accounting import gdp_mu
from privacy.mechanism import DiscreteLaplace, Gaussian

POPULARITY_SHARE, GRAM_SHARE = 0.2, 0.8
SMALL, MEDIUM = 2000, 5000
USUAL_SHARE, MOST_USUAL = 0.25, 100.0
ROUNDING = 1 + 1e-9  # each release is charged rounded up to 1e-12: leave room for all of them


def preference_plan(
    *,
    study: str,
    country: str,
    sites: tuple[str, ...],
    uses: tuple[Use, ...],
    tasks: Sequence[Feature],
    until: int,
    horizon: int,
    horizon_days: int,
    attributes: tuple[Attribute, ...],
    members: int,
    epsilon: float = 2.0,
    delta: float = 1e-5,
    epsilon_quality: float = 0.05,
    epsilon_table: float = 0.8,
    threshold: float = 0.05,
    bins: int = 20,
    held_out: tuple[int, int] = (80, 100),
    minimum_cohort: int = 200,
    max_attempts: int = 1,
    secure_sum: bool = False,
) -> Plan:
    """A preference training with its evaluation and its fairness tables.

    Args:
        study: the study that files it.
        country: where the rows are used.
        sites: who takes part.
        uses: which items the releases rest on.
        tasks: features of kind items, each with its public catalogue; at most 500 of an item set are compared.
        until: the last period that is learned from.
        horizon: how many periods after that an evaluation looks at.
        horizon_days: the same in days, for people.
        attributes: a fairness table for each: who got a list that hit.
        members: about how many members will take part, a public band.
        epsilon: of all four sums (of two tasks) together, at `delta`.
        delta: of the ledger that will be charged.
        epsilon_quality: pure, of each of a task's four measures: NDCG of both lists, recall, coverage.
        epsilon_table: pure, of each attribute's table.
        threshold: a list at or above this NDCG counts as one that hit.
        bins: of the histograms of NDCG.
        held_out: the buckets, of 100, that are not trained on.
        minimum_cohort: fewer members to train on are refused.
        max_attempts: how often a round may be tried; each try is priced.
        secure_sum: the sites will share the noise, so that all of them together carry little more than one: heads and
            ridge are chosen for that. `federated.shared_noise.with_shared_noise` then makes it so.

    Raises:
        MalformedError: the parts do not make a plan.
    """
    mu = gdp_mu(epsilon, delta)
    split = split_of(held_out)
    trained = members * sum(hi - lo for lo, hi in split["train"]) / 100
    carried = 1.0 if secure_sum else math.sqrt(len(sites))
    signal = trained * mu * math.sqrt(GRAM_SHARE / len(tasks)) / carried
    most = 120 if signal < SMALL else 250 if signal < MEDIUM else 500
    times = max_attempts
    settings: dict[str, float] = {
        "until": until,
        "horizon": horizon,
        "bins": bins,
        "threshold": threshold,
        "ridge": 0.012 if signal > 2500 else 0.025,
    }
    for task in tasks:
        items = len(task.categories)
        settings["heads:" + task.name] = min(items, max(most, 300) if items <= 300 else most)
        settings["basket:" + task.name] = min(USUAL_SHARE * items, MOST_USUAL)

    def priced(share: float) -> Gaussian:
        # mu² of one release is its share of B²: as if 1/share of them filled the whole budget.
        one = gaussian_for(bound=1.0, times=times, epsilon=epsilon, delta=delta)
        return Gaussian(1.0, one.std / math.sqrt(share / len(tasks)) * ROUNDING)

    train = [
        Release(head + task.name, "train", "train", priced(share), times)
        for head, share in ((POPULARITY, POPULARITY_SHARE), (GRAM, GRAM_SHARE))
        for task in tasks
    ]
    quality = [
        Release(f"{QUALITY}{kind}:{task.name}", "evaluate", "held-out", DiscreteLaplace(1, epsilon_quality), times)
        for task in tasks
        for kind in (NEW, AGAIN, RECALL)
    ]
    quality += [
        Release(COVERAGE + task.name, "evaluate", "held-out", DiscreteLaplace(1, epsilon_quality), times)
        for task in tasks
    ]
    tables = [
        Release(TABLE + one.name, "audit", "held-out", DiscreteLaplace(1, epsilon_table), times) for one in attributes
    ]
    plan = Plan(
        study=study,
        model="preference",
        country=country,
        sites=sites,
        uses=uses,
        features=tuple(tasks),
        label="",
        horizon_days=horizon_days,
        attributes=attributes,
        releases=(*train, *quality, *tables),
        split=split,
        settings=settings,
        minimum_cohort=minimum_cohort,
        max_attempts=max_attempts,
    )
    exchanges(plan)
    return plan
