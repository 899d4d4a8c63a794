"""A small linkage for tests: one site that holds the label, two that help, most members at all of them."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Pinned
from federated.gate_memory import MemoryGate
from federated.keyfile import read_key
from federated.linkage.randomised import Exchange
from federated.linkage.tokens import Linked
from federated.models.churn_plan import churn_plan
from federated.models.exchange_plan import Asking, Help
from federated.plan import Feature, Plan, Use, plan_bytes
from federated.plan_exchange import Helper
from federated.site.folder import Limits, Permissions, SiteFolder, allow_exchanges, create_site, open_site, pin_peers
from federated.site.store import SiteStore
from tests.federated.world import Clock, SeededNoise, World, approve, enrolments

HOLDER, HELPERS = "sales", ("service", "airline")
MEMBERS, LINKED = 400, 300
OWN = (Feature("spend", "continuous", 0.0, 1.0),)
THEIRS = (Feature("calls", "continuous", 0.0, 1.0), Feature("app", "binary"))
EPOCH = "2026-q1"


def linked_plan(
    *, epsilon_label: float = 1.0, epsilon_bin: float = 4.0, epoch: str = EPOCH, members: int = MEMBERS
) -> Plan:
    """A churn training at the holder, with the answers of both helpers."""
    numbers = Exchange(epsilon_label=epsilon_label, epsilon_bin=epsilon_bin)
    return churn_plan(
        study="study-1",
        country="HK",
        sites=(HOLDER,),
        uses=(Use(("train", "evaluate"), "churn-model", ("purchases",)),),
        features=OWN,
        label="label",
        horizon_days=28,
        attributes=(),
        members=members,
        epsilon=4.0,
        model="churn-linear",
        rounds=1,
        minimum_cohort=50,
        exchange=Asking(
            epoch,
            tuple(Help(Helper(site, f"link-{site}", ("tickets",), THEIRS), numbers, 4.0, rounds=4) for site in HELPERS),
        ),
    )


def build_linked_world(
    folder: Path,
    *,
    linked: int = LINKED,
    enrolled: int = MEMBERS,
    runs: int = 2,
    plan: Plan | None = None,
    strangers: bool = False,
) -> World:
    """Sites with rows of the same members, a gate that links `linked` of them, and an approved plan.

    Args:
        folder: where the sites are made.
        linked: the first so many are at every site and allow the linkage.
        enrolled: so many are enrolled at each site, and all of them allow the training.
        runs: in a quarter, by each site's policy.
        plan: None for `linked_plan`.
        strangers: no site names another as a partner.
    """
    plan = plan or linked_plan()
    key = (linked, enrolled, runs, plan_bytes(plan), strangers)
    if key not in _MADE:  # folders, keys and rows are made once and copied
        place = Path(tempfile.mkdtemp(prefix="accord-linked-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        _MADE[key] = _made(place, linked=linked, enrolled=enrolled, runs=runs, plan=plan, strangers=strangers)
    made, clock, folders = _MADE[key], Clock(), {}
    for site, original in made.folders.items():
        shutil.copytree(original.path, folder / site)
        folders[site] = SiteFolder(folder / site)
    agents = {
        site: open_site(one, clock=clock, noise=SeededNoise(index)) for index, (site, one) in enumerate(folders.items())
    }
    gate = replace(made.gate, clock=clock, linked=dict(made.gate.linked), removed={}, rounds=[], reports=[])
    return World(gate, clock, folders, agents, plan, dict(made.reviewers))


_MADE: dict[object, World] = {}


def _made(folder: Path, *, linked: int, enrolled: int, runs: int, plan: Plan, strangers: bool) -> World:
    clock, hub_key = Clock(), Ed25519PrivateKey.generate()
    reviewers = {"legal": Ed25519PrivateKey.generate()}
    pinned = [Pinned("legal-1", "legal", "programme", reviewers["legal"].public_key())]
    folders: dict[str, SiteFolder] = {}
    keys = {site: enrolments(site, enrolled) for site in (HOLDER, *HELPERS)}
    for site in (HOLDER, *HELPERS):
        folders[site] = create_site(
            folder / site,
            name=site,
            organisation="programme",
            hub_key=hub_key.public_key(),
            allow=Permissions(
                models=["churn-linear"],
                purposes=["churn-model", "offers", *(f"link-{one}" for one in HELPERS)],
                scopes=["purchases", "tickets"],
                columns=["spend", "calls", "app", "label"],
                countries=["HK"],
            ),
            limits=Limits(minimum_cohort=20, members=5_000, run=(40.0, 20.0), year=(90.0, 60.0)),
            reviewers=pinned,
        )
        reviewers[f"site:{site}"] = folders[site].approval_key()
        store = SiteStore(folders[site].database)
        store.enrol(keys[site])
        store.close()
        _write(folders[site].data, site, list(keys[site]))
    speaking = {site: read_key(one.speak_key_file).public_key() for site, one in folders.items()}
    for site, one in folders.items():
        partners = HELPERS if site == HOLDER else (HOLDER,)
        pin_peers(one, {other: speaking[other] for other in partners})
        if not strangers:
            allow_exchanges(one, partners, epsilon_label=1.0, epsilon_bin=4.0, runs=runs)
    payload = plan_bytes(plan)
    at = {site: list(known) for site, known in keys.items()}
    gate = MemoryGate(
        plan=payload,
        approvals=approve(payload, reviewers),
        allowed={HOLDER: dict.fromkeys(keys[HOLDER], 1)},
        keys=keys,
        clock=clock,
        hub_key=hub_key,
        epoch=7,
        linked={
            site: tuple(
                Linked(at[HOLDER][index], at[site][index], hashlib.sha256(f"link/{index}".encode()).digest())
                for index in range(linked)
            )
            for site in HELPERS
        },
    )
    return World(gate, clock, folders, {}, plan, reviewers)


def _write(path: Path, site: str, pseudonyms: list[bytes]) -> None:
    """The same person at each site: her calls and her app say more about her label than her spending does."""
    rng, size = np.random.default_rng(5), len(pseudonyms)
    spend, calls, app = rng.uniform(0, 1, size), rng.uniform(0, 1, size), rng.integers(0, 2, size)
    label = (rng.random(size) < 1 / (1 + np.exp(-(5 * calls - 1.5 * app - spend - 1.5)))).astype(np.int8)
    columns = {"spend": spend, "label": label} if site == HOLDER else {"calls": calls, "app": app}
    table = pa.table({"pseudonym": [one.hex() for one in pseudonyms], **columns})
    with duckdb.connect(str(path)) as database:
        database.register("rows", table)
        database.execute("CREATE TABLE members AS SELECT * FROM rows")
