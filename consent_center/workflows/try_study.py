"""A plan is tried on mock rows, made from nothing but the public ranges of the schemas: does it run, end to end?

What comes out says that the plan works and how long it takes; it says nothing about members, and nothing is charged.
The same sites, gate protocol, noise and models run as in earnest, on rows that nobody lived.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.studies.errors import StudyError
from federated.approvals import Approval, sign_approval
from federated.coordinator import run_study
from federated.gate import RunReport
from federated.gate_memory import MemoryGate
from federated.plan import Feature, Plan, digest, plan_bytes
from federated.site.folder import Limits, Permissions, create_site, open_site
from federated.site.store import SiteStore
from federated.tables import HISTOGRAM

LEAST_MEMBERS = 200
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Tried:
    """What a plan did on mock rows.

    Attributes:
        auc: noised, on mock rows: it shows that something was learned, nothing about members; None if not asked for.
    """

    outcome: str
    rounds: int
    seconds: float
    members: int
    auc: float | None


def try_plan(plan: Plan, *, members_per_site: int = LEAST_MEMBERS, clock: Callable[[], datetime]) -> Tried:
    """Run a plan once on mock rows, in a folder that is gone afterwards.

    Args:
        plan: exactly what would be filed; its minimum cohort is not asked of mock rows.
        members_per_site: how many mock members each site has.
        clock: now.

    Raises:
        StudyError: too few mock members to mean anything.
    """
    if members_per_site < LEAST_MEMBERS:
        raise StudyError(f"a trial needs at least {LEAST_MEMBERS} mock members at each site")
    began = time.monotonic()
    mocked = replace(plan, minimum_cohort=1)
    with tempfile.TemporaryDirectory(prefix="accord-try-") as folder:
        report = _run(mocked, Path(folder), members_per_site, clock)
    histogram = report.results.get(HISTOGRAM)
    auc = float(histogram["auc"]) if isinstance(histogram, dict) and "auc" in histogram else None
    return Tried(report.outcome, report.rounds, time.monotonic() - began, members_per_site * len(plan.sites), auc)


def without_features(plan: Plan, columns: frozenset[str]) -> Plan | None:
    """The plan without these columns, for "what would dropping a scope cost"; None if nothing would be left."""
    kept = tuple(one for one in plan.features if one.name not in columns)
    return replace(plan, features=kept) if kept else None


def mock_rows(plan: Plan, site: str, members: int) -> tuple[list[bytes], pa.Table]:
    """Mock members of a site and their rows: uniform over the public ranges, the label leaning on every feature.

    Always the same for the same plan and site: the seed is their names.
    """
    seed = int.from_bytes(hashlib.sha256(f"accord/mock/v1\n{plan.study}\n{site}".encode()).digest()[:8], "big")
    rng = np.random.default_rng(seed)
    names = [hashlib.sha256(f"{site}/{number}".encode()).digest()[:16] for number in range(members)]
    columns: dict[str, object] = {"pseudonym": [one.hex() for one in names]}
    lean: Values = np.zeros(members)
    for index, feature in enumerate(plan.features):
        values, standard = _mock(feature, rng, members)
        columns[feature.name] = values
        lean += (-1) ** index * standard
    scale = max(float(np.std(lean)), 1e-9)
    columns[plan.label] = (rng.random(members) < 1 / (1 + np.exp(-1.5 * lean / scale))).astype(np.int8)
    for attribute in plan.attributes:
        choices = (*attribute.groups, None)
        columns[attribute.name] = [choices[code] for code in rng.integers(0, len(choices), members)]
    return names, pa.table(columns)


def _mock(feature: Feature, rng: np.random.Generator, members: int) -> tuple[object, Values]:
    drawn: Values
    match feature.kind:
        case "binary":
            drawn = rng.integers(0, 2, members).astype(np.float64)
            return drawn.astype(np.int64), drawn - 0.5
        case "categorical":
            codes = rng.integers(0, len(feature.categories), members)
            middle = (len(feature.categories) - 1) / 2
            standard = np.asarray((codes - middle) / max(middle, 1), np.float64)
            return [feature.categories[code] for code in codes], standard
        case "binned":
            drawn = rng.uniform(feature.edges[0] - 1, feature.edges[-1] + 1, members)
            return drawn, (drawn - float(np.mean(feature.edges))) / max(float(np.ptp(feature.edges)), 1.0)
        case "continuous":
            drawn = rng.uniform(feature.lo, feature.hi, members)
            return drawn, 2 * (drawn - feature.lo) / (feature.hi - feature.lo) - 1
        case "items":
            raise StudyError("mock rows know no sets of items: try this model on a site's own test data")


def _run(plan: Plan, folder: Path, members: int, clock: Callable[[], datetime]) -> RunReport:
    hub, keys, agents = Ed25519PrivateKey.generate(), {}, {}
    approvals = []
    payload = plan_bytes(plan)
    for site in plan.sites:
        names, table = mock_rows(plan, site, members)
        made = create_site(
            folder / site,
            name=site,
            organisation="mock",
            hub_key=hub.public_key(),
            allow=Permissions(
                models=[plan.model],
                purposes=list(plan.purposes),
                scopes=sorted({scope for use in plan.uses for scope in use.scopes}),
                columns=table.column_names[1:],
                countries=[plan.country],
            ),
            limits=Limits(minimum_cohort=1, members=members, run=(100.0, 50.0), year=(100.0, 50.0)),
            reviewers=(),
        )
        keys[site] = {one: hashlib.sha256(one + site.encode()).digest() for one in names}
        store = SiteStore(made.database)
        store.enrol(keys[site])
        store.close()
        with duckdb.connect(str(made.data)) as database:
            database.register("rows", table)
            database.execute("CREATE TABLE members AS SELECT * FROM rows")
        role = f"site:{site}"
        yes = Approval(plan.study, digest(payload), role, role, "mock", "yes", "a trial on mock rows", clock())
        approvals.append(sign_approval(yes, made.approval_key()))
        agents[site] = open_site(made, clock=clock)
    every = (1 << len(plan.uses)) - 1
    gate = MemoryGate(
        plan=payload,
        approvals=tuple(approvals),
        allowed={site: dict.fromkeys(known, every) for site, known in keys.items()},
        keys=keys,
        clock=clock,
        hub_key=hub,
        valid_for=timedelta(minutes=30),
    )
    try:
        return run_study(
            gate,
            plan.study,
            ask=lambda _kind, _number, messages: {site: agents[site].answer(one) for site, one in messages.items()},
        )
    finally:
        for agent in agents.values():
            agent.close()
