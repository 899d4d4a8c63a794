"""The plan of a scoring run: which finished model, for whom, at which threshold, and the one histogram that leaves."""

from federated.errors import MalformedError
from federated.models.package import parse_package
from federated.models.registry import exchanges
from federated.plan import BUCKETS, Plan, Release, Use, digest
from federated.tables import SCORES
from privacy.mechanism import DiscreteLaplace

THRESHOLD = 0.15
HORIZON_DAYS = 30
EPSILON = 0.02
MINIMUM = 50


def score_plan(
    *,
    study: str,
    country: str,
    site: str,
    purpose: str,
    scopes: tuple[str, ...],
    package: bytes,
    threshold: float = THRESHOLD,
    horizon_days: int = HORIZON_DAYS,
    epsilon: float = EPSILON,
    bins: int = 20,
    minimum_cohort: int = MINIMUM,
) -> Plan:
    """Score the members of one site whose verdict for offers is yes, with one finished model.

    Args:
        study: the study that files it.
        country: where the rows are used.
        site: whose members; a site scores its own.
        purpose: the purpose of the offers, not of the training.
        scopes: what scoring reads.
        package: the finished model's bytes; the plan names their digest, so reviewers approve this very model.
        threshold: scores at or above it are flagged.
        horizon_days: how far ahead the label looks, as members are told.
        epsilon: pure, of the histogram of scores, which shows the share flagged and drift; charged in each run.
        bins: of it.
        minimum_cohort: fewer members are not scored.

    Raises:
        MalformedError: not a model of this version, or the parts do not make a plan.
    """
    made = parse_package(package)
    trained = made.parsed_plan()
    if trained.exchange and trained.sites != (site,):
        raise MalformedError(
            f"this model reads what was answered to {trained.sites[0]}; only that site can score with it"
        )
    if trained.package:
        raise MalformedError("a scoring run makes no model; give the package of a training run")
    plan = Plan(
        study=study,
        model=trained.model,
        country=country,
        sites=(site,),
        uses=(Use(("score",), purpose, scopes),),
        features=trained.features,
        label="",
        horizon_days=horizon_days,
        attributes=(),
        releases=(Release(SCORES, "score", "judge", DiscreteLaplace(1, epsilon)),),
        split={"train": (), "held-out": (), "judge": ((0, BUCKETS),)},
        settings={**trained.settings, "bins": bins, "threshold": threshold},
        minimum_cohort=minimum_cohort,
        package=digest(package),
        exchange=made.kept_exchange,
    )
    exchanges(plan)
    return plan
