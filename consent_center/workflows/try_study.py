"""A plan is tried on mock rows, made from nothing but the public ranges of the schemas: does it run, end to end?

What comes out says that the plan works and how long it takes; it says nothing about members, and nothing is charged.
The same sites, gate protocol, noise and models run as in earnest, on rows that nobody lived.
"""

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.studies.errors import StudyError
from federated.approvals import Approval, sign_approval
from federated.coordinator import run_study
from federated.gate import RunReport
from federated.gate_memory import MemoryGate
from federated.keyfile import read_key
from federated.linkage.tokens import Linked
from federated.plan import Plan, digest, plan_bytes
from federated.plan_exchange import numbers_of, own_features
from federated.site.columns import Columns, mock_rows
from federated.site.folder import (
    Limits,
    Permissions,
    SiteFolder,
    allow_exchanges,
    create_site,
    open_site,
    pin_peers,
)
from federated.site.store import SiteStore
from federated.tables import HISTOGRAM

LEAST_MEMBERS = 200


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


def try_plan(
    plan: Plan,
    *,
    members_per_site: int = LEAST_MEMBERS,
    clock: Callable[[], datetime],
    world: Plan | None = None,
) -> Tried:
    """Run a plan once on mock rows, in a folder that is gone afterwards.

    Args:
        plan: exactly what would be filed; its minimum cohort is not asked of mock rows.
        members_per_site: how many mock members each site has.
        clock: now.
        world: the plan whose columns the mock rows have, and on which their labels lean; None for this one. A plan
            without some of its columns is compared with the whole one only on the same rows.

    Raises:
        StudyError: too few mock members to mean anything.
    """
    if members_per_site < LEAST_MEMBERS:
        raise StudyError(f"a trial needs at least {LEAST_MEMBERS} mock members at each site")
    began = time.monotonic()
    mocked = replace(plan, minimum_cohort=1)
    with tempfile.TemporaryDirectory(prefix="accord-try-") as folder:
        report = _run(mocked, world or plan, Path(folder), members_per_site, clock)
    histogram = report.results.get(HISTOGRAM)
    auc = float(histogram["auc"]) if isinstance(histogram, dict) and "auc" in histogram else None
    return Tried(report.outcome, report.rounds, time.monotonic() - began, members_per_site * len(plan.sites), auc)


def _run(plan: Plan, world: Plan, folder: Path, members: int, clock: Callable[[], datetime]) -> RunReport:
    hub = Ed25519PrivateKey.generate()
    keys: dict[str, dict[bytes, bytes]] = {}
    approvals = []
    payload = plan_bytes(plan)
    if any(feature.kind == "items" for feature in plan.features):
        raise StudyError("mock rows know no sets of items: try this model on a site's own test data")
    columns = {site: Columns(own_features(world.features), (world.label,), world.attributes) for site in plan.sites}
    columns |= {one.site: Columns(one.features) for one in world.helpers}
    made_folders: dict[str, SiteFolder] = {}
    for site in plan.concerned:
        names, table = mock_rows(columns[site], members=members, seed=_seed(plan, site))
        made = create_site(
            folder / site,
            name=site,
            organisation="mock",
            hub_key=hub.public_key(),
            allow=Permissions(
                models=[plan.model, *([plan.exchange.model] if plan.exchange else [])],
                purposes=list(plan.purposes),
                scopes=sorted(plan.scopes),
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
        made_folders[site] = made
    _introduce(plan, made_folders)
    agents = {site: open_site(made, clock=clock) for site, made in made_folders.items()}
    every = (1 << len(plan.uses)) - 1
    gate = MemoryGate(
        plan=payload,
        approvals=tuple(approvals),
        allowed={site: dict.fromkeys(keys[site], every) for site in plan.sites},
        keys=keys,
        clock=clock,
        hub_key=hub,
        valid_for=timedelta(minutes=30),
        linked={pair.helper: _linked(keys[pair.holder], keys[pair.helper]) for pair in plan.pairings},
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


def _introduce(plan: Plan, sites: Mapping[str, SiteFolder]) -> None:
    """Let sites that sum together, and a site and its helpers, speak to each other, as far as the plan goes."""
    if plan.noise_mode == "secure-sum":
        speaking = {site: read_key(made.speak_key_file).public_key() for site, made in sites.items()}
        for site in plan.sites:
            pin_peers(sites[site], {other: speaking[other] for other in plan.sites if other != site})
    for pairing, helper in zip(plan.pairings, plan.helpers, strict=True):
        numbers = numbers_of(plan.releases, helper)
        for one, other in ((pairing.holder, pairing.helper), (pairing.helper, pairing.holder)):
            pin_peers(sites[one], {other: read_key(sites[other].speak_key_file).public_key()})
            allow_exchanges(
                sites[one],
                [other],
                epsilon_label=numbers.epsilon_label,
                epsilon_bin=numbers.epsilon_bin,
                runs=1,
            )


def _linked(holder: Mapping[bytes, bytes], helper: Mapping[bytes, bytes]) -> tuple[Linked, ...]:
    """Mock members of both, one by one."""
    return tuple(
        Linked(one, other, hashlib.sha256(one + other).digest()) for one, other in zip(holder, helper, strict=True)
    )


def _seed(plan: Plan, site: str) -> int:
    """Always the same rows for the same study and site."""
    return int.from_bytes(hashlib.sha256(f"accord/mock/v1\n{plan.study}\n{site}".encode()).digest()[:8], "big")
