"""A small federation for tests: real site folders, real signatures, a gate with a test key, no consent centre."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Approval, Pinned, sign_approval
from federated.exchange import Opened, RoundRequest, order_bytes, parse_opened, request_bytes
from federated.gate import Admission
from federated.gate_memory import MemoryGate
from federated.models.churn_plan import churn_plan
from federated.plan import Attribute, Feature, Plan, Use, digest, plan_bytes
from federated.signed import Signed
from federated.site.agent import SiteAgent
from federated.site.folder import Limits, Permissions, SiteFolder, create_site, open_site
from federated.site.store import SiteStore
from privacy.samplers import Sampler, Words

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TRAIN, AUDIT = 1, 2
FEATURES = (
    Feature("visits", "continuous", 0.0, 20.0),
    Feature("online", "binary"),
    Feature("tier", "categorical", categories=("silver", "gold")),
)
USES = (
    Use(("train", "evaluate"), "churn-model", ("purchases",)),
    Use(("audit",), "fairness-audit", ("purchases", "demographics")),
)
ROLES = ("legal", "technology", "members-representative")


class SeededNoise(Sampler):
    """A test double: the product's samplers on chosen words, so that a test can repeat them."""

    def __init__(self, seed: int = 0) -> None:
        self._generator = np.random.default_rng(seed)

    def _words(self, count: int) -> Words:
        return self._generator.integers(0, 2**64, size=count, dtype=np.uint64)


class NoNoise(SeededNoise):
    """A test double: no noise at all."""

    def gaussian(self, shape: int | tuple[int, ...], std: float) -> npt.NDArray[np.float64]:
        return np.zeros(shape)

    def discrete_laplace(
        self, shape: int | tuple[int, ...], *, epsilon: float, sensitivity: int = 1
    ) -> npt.NDArray[np.int64]:
        return np.zeros(shape, dtype=np.int64)


@dataclass
class Clock:
    """A clock that tests move."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **of: float) -> None:
        self.at += timedelta(**of)


@dataclass
class World:
    """A gate, its clock, the sites' folders and agents."""

    gate: MemoryGate
    clock: Clock
    folders: dict[str, SiteFolder]
    agents: dict[str, SiteAgent]
    plan: Plan
    reviewers: dict[str, Ed25519PrivateKey]

    @property
    def answers(self) -> dict[str, object]:
        return {site: agent.answer for site, agent in self.agents.items()}

    def agent(self, site: str = "north") -> SiteAgent:
        return self.agents[site]

    def reopened(self, site: str = "north") -> SiteAgent:
        """The site after a crash: a new process on the same folder."""
        self.agents[site] = open_site(self.folders[site], clock=self.clock, noise=SeededNoise(99))
        return self.agents[site]

    def opened(self, site: str = "north") -> tuple[Admission, Opened]:
        """A run that this site takes part in."""
        admission = self.gate.admit_run(self.plan.study)
        return admission, parse_opened(self.agents[site].open(order_bytes(admission.orders[site])))


def build_world(folder: Path, *, noise: Sampler | None = None, **parts: object) -> World:
    """Four sites with `members` members each, everybody allowing everything, and an approved plan.

    What is asked for more than once in a test run is made once and copied: keys, files of rows and databases cost more
    than most tests of them.
    """
    key = repr(sorted(parts.items(), key=lambda pair: pair[0]))
    if key not in _MADE:
        place = Path(tempfile.mkdtemp(prefix="accord-world-"))
        atexit.register(shutil.rmtree, place, ignore_errors=True)
        _MADE[key] = _made(place, **parts)  # type: ignore[arg-type]
    made = _MADE[key]
    clock = Clock()
    folders = {}
    for site, original in made.folders.items():
        shutil.copytree(original.path, folder / site)
        folders[site] = SiteFolder(folder / site)
    agents = {
        site: open_site(own, clock=clock, noise=noise or SeededNoise(index))
        for index, (site, own) in enumerate(folders.items())
    }
    gate = replace(
        made.gate,
        clock=clock,
        allowed={site: dict(known) for site, known in made.gate.allowed.items()},
        keys={site: dict(known) for site, known in made.gate.keys.items()},
        removed={},
        rounds=[],
        reports=[],
    )
    return World(gate, clock, folders, agents, made.plan, dict(made.reviewers))


_MADE: dict[str, World] = {}


def _made(
    folder: Path,
    *,
    sites: tuple[str, ...] = ("north", "south", "east", "west"),
    members: int = 150,
    minimum_cohort: int = 20,
    year: tuple[float, float] = (8.0, 4.0),
    run: tuple[float, float] = (4.0, 2.0),
    minimum_cohort_of_plan: int = 50,
    **plan_changes: object,
) -> World:
    """The world that is copied; nothing in it is open."""
    clock, hub_key = Clock(), Ed25519PrivateKey.generate()
    reviewers = {role: Ed25519PrivateKey.generate() for role in ROLES}
    pinned = [Pinned(f"{role}-1", role, "programme", key.public_key()) for role, key in reviewers.items()]
    plan = make_plan(sites, members=members * len(sites), minimum_cohort=minimum_cohort_of_plan, **plan_changes)
    folders, keys = {}, {}
    for index, site in enumerate(sites):
        folders[site] = create_site(
            folder / site,
            name=site,
            organisation="programme",
            hub_key=hub_key.public_key(),
            allow=Permissions(
                models=["churn-linear", "churn-shapes"],
                purposes=["churn-model", "fairness-audit"],
                scopes=["purchases", "demographics"],
                columns=["visits", "online", "tier", "label", "age"],
                countries=["HK"],
            ),
            limits=Limits(minimum_cohort=minimum_cohort, members=5_000, run=run, year=year),
            reviewers=pinned,
        )
        reviewers[f"site:{site}"] = folders[site].approval_key()
        keys[site] = enrolments(site, members)
        store = SiteStore(folders[site].database)
        store.enrol(keys[site])
        store.close()
        write_rows(folders[site].data, list(keys[site]), seed=index)
    gate = MemoryGate(
        plan=plan_bytes(plan),
        approvals=approve(plan_bytes(plan), reviewers),
        allowed={site: dict.fromkeys(known, TRAIN | AUDIT) for site, known in keys.items()},
        keys=keys,
        clock=clock,
        hub_key=hub_key,
        epoch=7,
    )
    return World(gate, clock, folders, {}, plan, reviewers)


def request_for(world: World, admission: Admission, opened: Opened, *, site: str = "north", **changes: object) -> bytes:
    """The round that comes next at this site, with a fresh statement unless `changes` say otherwise."""
    weights = np.zeros(5)
    request = RoundRequest(
        run=admission.run,
        number=opened.number,
        statement=world.gate.statement(admission.run, site, opened.number, opened.nonce),
        weights=weights,
    )
    return request_bytes(replace(request, **changes))  # type: ignore[arg-type]


def make_plan(sites: tuple[str, ...], *, members: int, **changes: object) -> Plan:
    settings: dict[str, object] = {
        "study": "study-1",
        "country": "HK",
        "sites": sites,
        "uses": USES,
        "features": FEATURES,
        "label": "label",
        "horizon_days": 56,
        "attributes": (Attribute("age", ("young", "old")),),
        "members": members,
        "model": "churn-linear",
        "rounds": 3,
        **changes,
    }
    return churn_plan(**settings)  # type: ignore[arg-type]


def approve(payload: bytes, keys: Mapping[str, Ed25519PrivateKey], **changes: object) -> tuple[Signed, ...]:
    """Each role's signed yes to the plan with these bytes."""
    return tuple(
        sign_approval(
            replace(
                Approval(
                    study="study-1",
                    plan_digest=digest(payload),
                    reviewer=role if role.startswith("site:") else f"{role}-1",
                    role=role,
                    organisation="programme",
                    answer="yes",
                    reason="",
                    at=START,
                ),
                **changes,  # type: ignore[arg-type]
            ),
            key,
        )
        for role, key in keys.items()
    )


def enrolments(site: str, members: int) -> dict[bytes, bytes]:
    return {
        hashlib.sha256(f"{site}/{number}".encode()).digest()[:16]: hashlib.sha256(f"{site}#{number}".encode()).digest()
        for number in range(members)
    }


def write_rows(path: Path, pseudonyms: list[bytes], *, seed: int) -> None:
    """One row per member: few visits and offline make label 1 likely."""
    rng = np.random.default_rng(seed)
    size = len(pseudonyms)
    visits, online = rng.uniform(0, 20, size), rng.integers(0, 2, size)
    risk = 1 / (1 + np.exp(-(4 - 0.5 * visits - online)))
    table = pa.table(
        {
            "pseudonym": [one.hex() for one in pseudonyms],
            "visits": visits,
            "online": online,
            "tier": [("silver", "gold")[code] for code in rng.integers(0, 2, size)],
            "label": (rng.random(size) < risk).astype(np.int8),
            "age": [(None, "young", "old")[code] for code in rng.integers(0, 3, size)],
        }
    )
    with duckdb.connect(str(path)) as database:
        database.register("rows", table)
        database.execute("CREATE TABLE members AS SELECT * FROM rows")
