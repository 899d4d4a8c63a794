"""Scoring at the site on one core: from an admitted order to scores with reasons in the site's own database.

    scoring   for each member her verdict (her bit in the checked cohort, the consent centre's fresh removals), her
              row from DuckDB, score, three reasons, written to the site's database; histogram noised, run settled
    proof     once a run: that the consent centre signed exactly this cohort (three SHA-256 for each member, under the
              keys of all enrolled members)
    whole     both together

Seconds of CPU of the whole process, all threads, so that other work on the machine does not count; pinned to one core.
Rows are generated, with a fixed seed.
"""

import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Approval, sign_approval
from federated.gate_memory import MemoryGate
from federated.models.churn_plan import churn_plan
from federated.models.package import Package, package_bytes
from federated.models.registry import scorer_of
from federated.models.score_plan import score_plan
from federated.plan import Feature, Use, digest, plan_bytes
from federated.site import scoring
from federated.site.folder import Limits, Permissions, create_site
from federated.site.scoring import open_desk, score_members
from federated.site.store import SiteStore

MEMBERS = 200_000
FEATURES = (
    Feature("recency_weeks", "continuous", 0, 12),
    Feature("visits_8w", "continuous", 0, 32),
    Feature("spend_8w", "continuous", 0, 1000),
    Feature("points_balance", "continuous", 0, 20_000),
    Feature("offers_used", "continuous", 0, 20),
    Feature("tenure_months", "continuous", 0, 120),
    Feature("has_app", "binary"),
    Feature("complained", "binary"),
    Feature("channel", "categorical", categories=("store", "online", "both")),
)
GOALS = {"linear_members_per_s": (">=", 200_000.0), "shapes_members_per_s": (">=", 200_000.0)}


def clock() -> datetime:
    """The real time: statements must be fresh."""
    return datetime.now(UTC)  # noqa: TID251  a benchmark is an outermost edge


def rows(pseudonyms: list[bytes]) -> pa.Table:
    """Generated rows; simulated, seed fixed."""
    rng, n = np.random.default_rng(8), len(pseudonyms)
    columns: dict[str, object] = {"pseudonym": [one.hex() for one in pseudonyms]}
    for feature in FEATURES:
        if feature.kind == "continuous":
            columns[feature.name] = rng.uniform(feature.lo, feature.hi, n)
        elif feature.kind == "binary":
            columns[feature.name] = rng.integers(0, 2, n).astype(np.int8)
        else:
            columns[feature.name] = np.array(feature.categories)[rng.integers(0, len(feature.categories), n)]
    return pa.table(columns)


def site(folder: Path, model: str, members: int) -> tuple[scoring.Desk, MemoryGate, bytes]:
    """One site with rows, a finished model, and a gate that admits its scoring."""
    trained = churn_plan(
        study="train",
        country="TW",
        sites=("north",),
        features=FEATURES,
        label="label",
        horizon_days=30,
        attributes=(),
        uses=(Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),),
        members=members,
        model=model,
    )
    weights = np.random.default_rng(1).normal(0, 0.3, scorer_of(trained).size(FEATURES))
    package = package_bytes(Package("run-0", plan_bytes(trained), weights))
    plan = plan_bytes(
        score_plan(study="offers", country="TW", site="north", purpose="offers", scopes=("purchases",), package=package)
    )
    hub_key = Ed25519PrivateKey.generate()
    made = create_site(
        folder,
        name="north",
        organisation="programme",
        hub_key=hub_key.public_key(),
        reviewers=[],
        allow=Permissions([model], ["offers"], ["purchases"], [one.name for one in FEATURES], ["TW"]),
        limits=Limits(minimum_cohort=1, members=members, delta=min(1e-5, 1 / (10 * members))),
    )
    pseudonyms = [hashlib.sha256(b"%d" % number).digest()[:16] for number in range(members)]
    keys = {one: hashlib.sha256(one).digest() for one in pseudonyms}
    store = SiteStore(made.database)
    store.enrol(keys)
    store.close()
    with duckdb.connect(str(made.data)) as database:
        database.register("rows", rows(pseudonyms))
        database.execute("CREATE TABLE members AS SELECT * FROM rows ORDER BY pseudonym")
    own = Approval("offers", digest(plan), "site:north", "site:north", "programme", "yes", "read", clock())
    gate = MemoryGate(
        plan=plan,
        approvals=(sign_approval(own, made.approval_key()),),
        allowed={"north": dict.fromkeys(keys, 1)},
        keys={"north": keys},
        clock=clock,
        hub_key=hub_key,
        valid_for=timedelta(hours=1),
    )
    gate.withdraw("north", *pseudonyms[:100])
    return open_desk(made, clock=clock, draw_nonce=lambda: os.urandom(16).hex()), gate, package


def run() -> dict[str, object]:
    """Score everybody once with each model."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:  # what is imported and compiled once is not scoring
        desk, gate, package = site(Path(folder) / "warm", "churn-linear", 2_000)
        score_members(desk, gate, package, study="offers")
        desk.store.close()
    for model in ("churn-linear", "churn-shapes", "churn-mlp"):
        with tempfile.TemporaryDirectory() as folder:
            desk, gate, package = site(Path(folder) / "north", model, MEMBERS)
            admission = gate.admit_run("offers")
            gate.admit_run = lambda _, given=admission: given  # type: ignore[method-assign]  # the hub's time is not ours
            checked, check = 0.0, scoring.ordered_work

            def timed(*args: Any, check: Callable[..., Any] = check, **kwargs: Any) -> Any:
                nonlocal checked
                began = time.process_time()
                try:
                    return check(*args, **kwargs)
                finally:
                    checked += time.process_time() - began

            scoring.ordered_work = timed
            began = time.process_time()
            done = score_members(desk, gate, package, study="offers")
            took = time.process_time() - began
            scoring.ordered_work = check
            assert done.members == MEMBERS - 100
            name = model.removeprefix("churn-")
            rates = {"": took - checked, "_proof": checked, "_whole": took}
            figures |= {f"{name}_members_per_s{part}": done.members / spent for part, spent in rates.items()}
            print(
                f"{model}: "
                + ", ".join(
                    f"{part or '_scoring'} {done.members / spent:,.0f} members/s" for part, spent in rates.items()
                ),
                flush=True,
            )
            desk.store.close()
    return {"figures": figures, "goals": GOALS}
