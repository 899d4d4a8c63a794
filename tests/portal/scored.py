"""What a site holds about a member after scoring her: written into a real score book, as a scoring writes it."""

from datetime import datetime

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.exchange import order_bytes
from federated.gate import Order
from federated.models.churn_plan import churn_plan
from federated.models.package import Package, package_bytes
from federated.models.preference_plan import preference_plan
from federated.models.score_plan import score_plan
from federated.plan import Feature, Plan, Use, plan_bytes
from federated.signed import sign
from federated.site.scorebook import Block, ScoreBook, Scoring
from federated.site.store import SiteStore

CATALOGUE = ("coffee/beans", "coffee/capsules", "tea/green", "bread/rye")
THRESHOLD = 0.4
_USES = (Use(("train", "evaluate", "audit"), "preference", ("purchases",)),)


def hold_score(store: SiteStore, scores: dict[bytes, float], *, at: datetime) -> None:
    """A finished scoring of who may come less often."""
    features = (Feature("visits", "continuous", 0.0, 10.0),)
    trained = churn_plan(
        study="churn-1", country="TW", sites=("marketing",), uses=_USES, features=features, label="label",
        horizon_days=30, attributes=(), members=240, epsilon=1.0, rounds=2, minimum_cohort=50,
    )  # fmt: skip
    columns = {"score": np.array(list(scores.values()))}
    _finished(store, trained, np.zeros(2), "offers-1", Block(tuple(scores), columns), at=at)


def hold_tastes(store: SiteStore, tastes: dict[bytes, list[int]], *, at: datetime) -> None:
    """A finished scoring of lists; tastes are departments of the catalogue, by code."""
    task = Feature("products", "items", categories=CATALOGUE)
    trained = preference_plan(
        study="preference-1", country="TW", sites=("marketing",), uses=_USES, tasks=(task,), until=40, horizon=4,
        horizon_days=28, attributes=(), members=2000,
    )  # fmt: skip
    columns = {"score": np.ones(len(tastes)), "tastes:products": np.array(list(tastes.values()))}
    _finished(store, trained, np.zeros(1), "lists-1", Block(tuple(tastes), columns), at=at)


def _finished(store: SiteStore, trained: Plan, weights: np.ndarray, study: str, block: Block, *, at: datetime) -> None:
    package = package_bytes(Package("run-0", plan_bytes(trained), weights))
    plan = score_plan(
        study=study, country="TW", site="marketing", purpose="offers", scopes=("purchases",), package=package,
        threshold=THRESHOLD,
    )  # fmt: skip
    nothing = sign(Ed25519PrivateKey.generate(), kind="accord-test-1", payload=b"")
    work = order_bytes(Order(plan_bytes(plan), (), nothing, nothing, b""))
    book, run = ScoreBook(store), f"run-{study}-{at.timestamp()}"
    book.begin(Scoring(run, study, plan.package, work, at, None, None))
    order = sorted(range(len(block.pseudonyms)), key=block.pseudonyms.__getitem__)
    columns = {name: column[order] for name, column in block.columns.items()}
    book.write(run, 0, Block(tuple(block.pseudonyms[place] for place in order), columns))
    book.finish(run, at=at)
