"""The stage before the first act: a consent centre on SQLite, sites with files of their own, members, answers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.consent.notice import Notice
from consent_center.demo.federation import LABEL_COLUMN, Federation, write_site
from consent_center.demo.people import LONG_AGO, Asked, answers
from consent_center.demo.programme import (
    COUNTRY,
    DEMOGRAPHICS,
    PURCHASES,
    SCOPE_OF,
    SERVICES,
    definitions,
    link_purpose,
    notices,
)
from consent_center.demo.world import CROSSING_PURE, EPSILON_PURE, Options, World
from consent_center.storage import ledger
from consent_center.storage.transaction import Store
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.make_statements import make_statements
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.register_member import register_members
from federated.approvals import Pinned
from federated.keyfile import create_key
from federated.models.registry import MODELS
from federated.site.agent import SiteAgent
from federated.site.folder import Limits, Permissions, SiteFolder, create_site, open_site
from federated.site.store import SiteStore
from privacy.keys import create_root_key
from privacy.ledger import PROGRAMME, Budget

CHUNK = 10_000
BEFORE = LONG_AGO + timedelta(days=1)
ROLES = ("legal", "technology", "members-representative")
HUB_ORGANISATION = "programme"
Tick = Callable[[int], None]


@dataclass
class Stage:
    """Everything that stands when the first study is filed.

    Attributes:
        budget: the programme's account.
        signer: signs permits, cohorts and removals; sites pin its public half.
        reviewers: role -> key file of the reviewer, outside the hub's store.
        people: who is asked at which sites.
        enrolled: site -> the pseudonyms it was given.
    """

    options: Options
    world: World
    folder: Path
    federation: Federation
    store: Store
    signer: Ed25519PrivateKey
    budget: Budget
    notices: dict[str, Notice]
    reviewers: dict[str, Path]
    sites: dict[str, SiteFolder] = field(default_factory=dict)
    agents: dict[str, SiteAgent] = field(default_factory=dict)
    people: list[Asked] = field(default_factory=list)
    enrolled: dict[str, frozenset[bytes]] = field(default_factory=dict)


@contextmanager
def consent_centre(options: Options, world: World, folder: Path, federation: Federation) -> Iterator[Stage]:
    """A new consent centre on SQLite, furnished, and closed at the end."""
    hub = folder / "hub"
    hub.mkdir(mode=0o700)
    keys = create_root_key(hub / "root.key")
    signer = create_key(hub / "signing.key")
    with Store.open(f"sqlite:///{hub / 'accord.db'}", keys=keys) as store:
        yield furnish(options, world, folder, federation, store=store, signer=signer)


def furnish(
    options: Options,
    world: World,
    folder: Path,
    federation: Federation,
    *,
    store: Store,
    signer: Ed25519PrivateKey,
    runs: int = 1,
) -> Stage:
    """Give an empty consent centre its ledger, definitions, notices and reviewers, and make one new folder per site.

    Args:
        options: what was asked for.
        world: the clock.
        folder: where sites and reviewers' keys go.
        federation: who holds which rows.
        store: of the consent centre; empty.
        signer: the consent centre's signing key.
        runs: for how many runs the accounts of the programme and of the sites are enough.
    """
    at = world.clock()
    before = at - BEFORE
    kinds = [(site.site, site.partner) for site in federation.sites]
    budget = _budget(options, federation, runs=runs)
    store.run(ledger.open_account, PROGRAMME, budget, at=before)
    fields = [feature.name for feature in (*federation.features, *federation.items)]
    given = [attribute.name for attribute in federation.attributes]
    helping = {site: [one.name for one in federation.features_at(site)] for site in federation.helped_by}
    store.run(define, definitions(kinds, fields=fields, attributes=given, helping=helping, at=before), at=before)
    asked = notices(federation.asked_at, purposes=options.purposes, helped_by=federation.helped_by, at=before)
    published = {one.code: one for one in asked}
    for notice in published.values():
        store.run(publish_notice, notice, at=before)
    reviewers = {role: folder / "reviewers" / f"{role}.key" for role in ROLES}
    stage = Stage(options, world, folder, federation, store, signer, budget, published, reviewers)
    pinned = [
        Pinned(f"{role}-reviewer", role, HUB_ORGANISATION, create_key(path).public_key())
        for role, path in reviewers.items()
    ]
    for name, _ in kinds:
        stage.sites[name] = _site(stage, name, pinned, runs=runs)
    return stage


def _budget(options: Options, federation: Federation, *, runs: int) -> Budget:
    """Enough for so many runs of these options, and not for one more."""
    trainings = runs * (1 + len(federation.helped_by))

    def of(epsilon: float) -> Budget:
        pure = runs * (EPSILON_PURE + len(federation.helped_by) * CROSSING_PURE)
        return Budget.create(
            epsilon=epsilon + pure, delta=federation.delta, epsilon_pure=pure, members=federation.members
        )

    enough = of(options.epsilon).limit.gaussian * trainings
    low = high = options.epsilon
    while of(high).limit.gaussian < enough:
        low, high = high, 2 * high
    while high - low > 1e-6 and trainings > 1:
        middle = (low + high) / 2
        low, high = (middle, high) if of(middle).limit.gaussian < enough else (low, middle)
    return of(high)


def _site(stage: Stage, name: str, pinned: list[Pinned], *, runs: int) -> SiteFolder:
    federation = stage.federation
    one, year = (_budget(stage.options, federation, runs=count) for count in (1, max(2, runs)))
    features = (*federation.features_at(name), *federation.items)
    links = [link_purpose(site) for site in federation.helped_by]
    columns = [one.name for one in features] + [one.name for one in federation.attributes] + [LABEL_COLUMN]
    return create_site(
        stage.folder / "sites" / name,
        name=name,
        organisation=name if federation.site(name).partner else HUB_ORGANISATION,
        hub_key=stage.signer.public_key(),
        allow=Permissions(
            models=sorted(MODELS),
            purposes=(*SCOPE_OF, *links),
            scopes=(PURCHASES, DEMOGRAPHICS, *((SERVICES,) if links else ())),
            columns=columns,
            countries=(COUNTRY,),
        ),
        limits=Limits(
            minimum_cohort=20,
            members=federation.members,
            delta=federation.delta,
            run=(one.epsilon, one.epsilon_pure),
            year=(year.epsilon, year.epsilon_pure),
        ),
        reviewers=pinned,
    )


def enrol(stage: Stage, *, tick: Tick) -> None:
    """Register every person, link her account at each of her sites, and give each site its own pseudonyms and rows."""
    at = stage.world.clock() - BEFORE
    where: dict[str, list[tuple[str, str]]] = {}
    for site in stage.federation.sites:
        for person, customer in zip(site.rows["person"].to_pylist(), site.rows["customer"].to_pylist(), strict=True):
            where.setdefault(person, []).append((site.site, customer))
    members: dict[str, str] = {}
    persons = sorted(where)
    for start in range(0, len(persons), CHUNK):
        some = persons[start : start + CHUNK]
        joined = stage.store.run(register_members, [None] * len(some), at=at)
        members.update(zip(some, joined, strict=True))
        tick(len(some))
    for site in stage.federation.sites:
        _enrol_at(
            stage, site.site, {c: members[p] for p, at_sites in where.items() for s, c in at_sites if s == site.site}
        )
        tick(site.rows.num_rows)
    partner = {site.site: site.partner for site in stage.federation.sites}
    stage.people = [
        Asked(members[person], tuple((site, partner[site]) for site, _ in where[person])) for person in persons
    ]
    stage.agents = {
        name: open_site(folder, clock=stage.world.clock, noise=stage.world.noise())
        for name, folder in stage.sites.items()
    }


def _enrol_at(stage: Stage, site: str, customers: Mapping[str, str]) -> None:
    at = stage.world.clock() - BEFORE
    ordered = sorted(customers)
    pseudonyms: dict[str, str] = {}
    keys: dict[bytes, bytes] = {}
    for start in range(0, len(ordered), CHUNK):
        some = ordered[start : start + CHUNK]
        linked = stage.store.run(enrol_members, [customers[one] for one in some], site, at=at)
        pseudonyms.update({customer: one.pseudonym.hex() for customer, one in zip(some, linked, strict=True)})
        keys.update({one.pseudonym: one.cohort_key for one in linked})
    folder = stage.sites[site]
    store = SiteStore(folder.database)
    store.enrol(keys)
    store.close()
    stage.enrolled[site] = frozenset(keys)
    write_site(folder.path, stage.federation, site, pseudonyms)


def ask(stage: Stage, *, tick: Tick) -> int:
    """Enter what every member answered, in order of time; returns how many statements there are."""
    entered = 0
    rng = np.random.default_rng(stage.options.seed)
    for batch in answers(stage.people, stage.notices, rng=rng, at=stage.world.clock()):
        for start in range(0, len(batch.said), CHUNK):
            some = batch.said[start : start + CHUNK]
            entered += len(stage.store.run(make_statements, some, at=batch.at))
            tick(len(some))
    return entered
