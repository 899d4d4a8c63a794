"""Sites in folders and a gate in memory, for benchmarks of a run without a consent centre."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Approval, sign_approval
from federated.gate_memory import MemoryGate
from federated.models.churn_plan import churn_plan
from federated.plan import Feature, Use, digest, plan_bytes
from federated.site.agent import SiteAgent
from federated.site.folder import Limits, Permissions, create_site, open_site
from federated.site.store import SiteStore


def clock() -> datetime:
    """The real time: statements must be fresh."""
    return datetime.now(UTC)  # noqa: TID251  a benchmark is an outermost edge


def federation(
    folder: Path, *, sites: int, members: int, rounds: int, features: int = 1, categories: int = 0
) -> tuple[MemoryGate, dict[str, SiteAgent]]:
    """A gate that admits one approved plan, and one agent per site on a folder of its own.

    Args:
        folder: where the sites' folders go.
        sites: how many.
        members: rows of each site.
        rounds: of training.
        features: columns of numbers; more of them make the model longer.
        categories: of one more column, of texts; each makes the model longer by one.
    """
    names = tuple(f"site-{index}" for index in range(sites))
    columns = [f"x{index}" for index in range(features)]
    words = tuple(f"c{index}" for index in range(categories))
    wide = (Feature("word", "categorical", categories=words),) if words else ()
    plan = plan_bytes(
        churn_plan(
            study="benchmark",
            country="HK",
            sites=names,
            uses=(Use(("train", "evaluate", "audit"), "churn-model", ("purchases",)),),
            features=(*(Feature(name, "continuous", 0.0, 1.0) for name in columns), *wide),
            label="label",
            horizon_days=30,
            attributes=(),
            members=sites * members,
            model="churn-linear",
            rounds=rounds,
            minimum_cohort=2,
        )
    )
    hub_key, agents, keys, approvals = Ed25519PrivateKey.generate(), {}, {}, []
    for index, name in enumerate(names):
        made = create_site(
            folder / name,
            name=name,
            organisation="benchmark",
            hub_key=hub_key.public_key(),
            allow=Permissions(["churn-linear"], ["churn-model"], ["purchases"], [*columns, "word", "label"], ["HK"]),
            limits=Limits(minimum_cohort=2, members=5_000, run=(9.0, 4.0), year=(90.0, 40.0)),
            reviewers=[],
        )
        approval = Approval("benchmark", digest(plan), f"site:{name}", f"site:{name}", "benchmark", "yes", "", clock())
        approvals.append(sign_approval(approval, made.approval_key()))
        pseudonyms = [hashlib.sha256(f"{name}/{number}".encode()).digest()[:16] for number in range(members)]
        keys[name] = {one: hashlib.sha256(one).digest() for one in pseudonyms}
        store = SiteStore(made.database)
        store.enrol(keys[name])
        store.close()
        _write(made.data, pseudonyms, columns, seed=index)
        agents[name] = open_site(made, clock=clock)
    # Each site requires its own approval only; the gate carries all of them.
    gate = MemoryGate(
        plan=plan,
        approvals=tuple(approvals),
        allowed={name: dict.fromkeys(known, 1) for name, known in keys.items()},
        keys=keys,
        clock=clock,
        hub_key=hub_key,
    )
    return gate, agents


def _write(path: Path, pseudonyms: list[bytes], columns: list[str], *, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = {name: rng.random(len(pseudonyms)) for name in columns}
    labels = (rng.random(len(pseudonyms)) < values[columns[0]]).astype(np.int8)
    table = pa.table(
        {
            "pseudonym": [one.hex() for one in pseudonyms],
            **values,
            "word": ["c0"] * len(pseudonyms),
            "label": labels,
        }
    )
    with duckdb.connect(str(path)) as database:
        database.register("rows", table)
        database.execute("CREATE TABLE members AS SELECT * FROM rows")
