"""A preference model on the whole road: signed order, sites with a table of items, two rounds, evaluation, audit."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from federated.approvals import Pinned
from federated.flower.embedded import run_embedded
from federated.gate_memory import MemoryGate
from federated.keyfile import read_key
from federated.models.package import parse_package
from federated.models.preference import PREFERENCE
from federated.models.preference_plan import preference_plan
from federated.plan import Attribute, Feature, Use, plan_bytes
from federated.shared_noise import with_shared_noise
from federated.site.folder import Limits, Permissions, create_site, open_site, pin_peers
from federated.site.store import SiteStore
from tests.federated.world import Clock, SeededNoise, approve, enrolments, write_rows

SITES = ("north", "south")
MEMBERS = 120
ITEMS = tuple(f"{shelf}/item-{number}" for shelf in ("fruit", "bread", "tea") for number in range(6))
TASKS = (
    Feature("categories", "items", categories=("fruit/all", "bread/all", "tea/all", "fish/all")),
    Feature("products", "items", categories=ITEMS),
)


def write_items(path: Path, pseudonyms: list[bytes], *, seed: int) -> None:
    """Every member but the last buys mostly from one shelf, in weeks 0 to 11."""
    rng = np.random.default_rng(seed)
    whose, weeks, products = [], [], []
    for number, one in enumerate(pseudonyms[:-1]):
        for week in range(12):
            shelf = number % 3 if rng.random() < 0.8 else int(rng.integers(3))
            whose.append(one.hex())
            weeks.append(week)
            products.append(ITEMS[shelf * 6 + int(rng.integers(6))])
    table = pa.table(
        {
            "pseudonym": whose,
            "period": pa.array(weeks, pa.int16()),
            "products": products,
            "categories": [one.partition("/")[0] + "/all" for one in products],
        }
    )
    with duckdb.connect(str(path)) as database:
        database.register("bought", table)
        database.execute("CREATE TABLE items AS SELECT * FROM bought")


def build(folder: Path, sites: tuple[str, ...] = SITES, *, shared: bool = False):
    clock, hub_key = Clock(), Ed25519PrivateKey.generate()
    reviewers = {"legal": Ed25519PrivateKey.generate()}
    plan = preference_plan(
        study="study-1",
        country="HK",
        sites=sites,
        tasks=TASKS,
        until=7,
        horizon=4,
        horizon_days=28,
        uses=(Use(("train", "evaluate", "audit"), "preference-model", ("purchases",)),),
        attributes=(Attribute("age", ("young", "old")),),
        members=MEMBERS * len(sites),
        epsilon=4.0,
        secure_sum=shared,
        minimum_cohort=20,
    )
    plan = with_shared_noise(plan) if shared else plan
    folders, keys = {}, {}
    for index, site in enumerate(sites):
        folders[site] = create_site(
            folder / site,
            name=site,
            organisation="programme",
            hub_key=hub_key.public_key(),
            allow=Permissions(
                ["preference"], ["preference-model"], ["purchases"], ["products", "categories", "age"], ["HK"]
            ),
            limits=Limits(minimum_cohort=10, members=5000, run=(6.0, 2.0), year=(9.0, 4.0)),
            reviewers=[Pinned("legal-1", "legal", "programme", reviewers["legal"].public_key())],
        )
        reviewers[f"site:{site}"] = folders[site].approval_key()
        keys[site] = enrolments(site, MEMBERS)
        store = SiteStore(folders[site].database)
        store.enrol(keys[site])
        store.close()
        write_rows(folders[site].data, list(keys[site]), seed=index)
        write_items(folders[site].data, list(keys[site]), seed=index)
    payload = plan_bytes(plan)
    gate = MemoryGate(
        plan=payload,
        approvals=approve(payload, reviewers),
        allowed={s: dict.fromkeys(k, 1) for s, k in keys.items()},
        keys=keys,
        clock=clock,
        hub_key=hub_key,
    )
    if shared:
        voices = {site: read_key(one.speak_key_file).public_key() for site, one in folders.items()}
        for site, one in folders.items():
            pin_peers(one, {other: voice for other, voice in voices.items() if other != site})
    agents = {s: open_site(f, clock=clock, noise=SeededNoise(i)) for i, (s, f) in enumerate(folders.items())}
    return plan, gate, agents, folders


def test_both_rounds_the_evaluation_and_the_audit_run_and_give_a_model(tmp_path: Path) -> None:
    plan, gate, agents, _ = build(tmp_path)
    report = run_embedded(gate, "study-1", {name: one.answer for name, one in agents.items()})
    assert report.outcome == "completed"
    assert report.rounds == 4
    assert set(report.results["quality"]) == {
        f"{kind}:{task.name}" for kind in ("new", "again", "recall") for task in TASKS
    }
    for found in report.results["quality"].values():
        assert 0 <= found["interval"][0] <= found["mean"] <= found["interval"][1] <= 1
    for task in TASKS:
        shown = report.results["coverage"][task.name]
        assert len(shown["cells"]) == len(task.categories)
        assert 0 <= shown["at_least"] <= 1
    assert report.results["tables"]["age"]["attribute"] == "age"
    learned = PREFERENCE.learned(plan, parse_package(report.model).weights)
    assert learned["products"].e.shape == (len(ITEMS), len(ITEMS))


def test_under_a_secure_sum_the_same_model_is_fitted(tmp_path: Path) -> None:
    plan, gate, agents, _ = build(tmp_path, ("north", "south", "east"), shared=True)
    report = run_embedded(gate, "study-1", {name: one.answer for name, one in agents.items()})
    assert report.outcome == "completed"
    learned = PREFERENCE.learned(plan, parse_package(report.model).weights)
    assert learned["products"].e.shape == (len(ITEMS), len(ITEMS))
    assert set(report.results["quality"]) == {
        f"{kind}:{task.name}" for kind in ("new", "again", "recall") for task in TASKS
    }


def test_a_site_without_a_table_of_items_refuses_and_nothing_is_half_done(tmp_path: Path) -> None:
    _, gate, agents, folders = build(tmp_path)
    with duckdb.connect(str(folders["south"].data)) as database:
        database.execute("DROP TABLE items")
    report = run_embedded(gate, "study-1", {name: one.answer for name, one in agents.items()})
    assert report.outcome == "data-unreadable"
    assert report.model == b""
    assert report.results["refusals"] == {"south": "data-unreadable"}


@pytest.mark.parametrize("column", ["categories", "period"])
def test_items_without_a_column_of_the_plan_are_refused(tmp_path: Path, column: str) -> None:
    _, gate, agents, folders = build(tmp_path)
    with duckdb.connect(str(folders["north"].data)) as database:
        database.execute(f"ALTER TABLE items DROP COLUMN {column}")
    report = run_embedded(gate, "study-1", {name: one.answer for name, one in agents.items()})
    assert report.outcome == "data-unreadable"
