"""Law: an audit of members' numbers that sites work out themselves says beforehand by which gauges and between which
ends; each rung is a table with its own charge; a site counts only gauges that it allows, of members who agreed."""

from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pytest

from audit.fairness.verdict import Thresholds
from consent_center.storage.runs import Outcome
from consent_center.studies.audit_file import read_audit_file
from consent_center.workflows._judging import judged
from federated.errors import MalformedError, Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.models.audit_plan import audit_plan, finished_weights
from federated.models.decisions import Declaration, Measure, declaration_bytes, parse_declaration
from federated.models.registry import model_of
from federated.plan import Attribute, Plan, plan_bytes
from federated.price import price
from federated.site.folder import open_site
from tests.audits.test_bad_plans import FILE
from tests.federated.world import SeededNoise, World, approve, build_world

SITES = ("north", "south")
AGE = Attribute("age", ("young", "old"))
PRICES = Measure("prices", -0.4, 0.1, 10, 0.01, {"price_week": (-0.1, 0.1), "price_shelf": (-0.4, 0.0)})
SHELVES = Measure("shelves", 0.0, 3.0, 3, 0.2, {"list_shelf": (0.0, 1.0)}, ("drinks", "fish", "bread"))


_TABLES = """
CREATE TABLE catalogue AS SELECT * FROM
    (VALUES ('tea', 'drinks', 0, .5), ('cod', 'fish', 0, .4), ('rye', 'bread', 1, .3)) AS c(product, shelf, own, known);
CREATE TABLE lists AS SELECT pseudonym, 1 AS week, 1 AS place,
    CASE WHEN hash(pseudonym) % 10 < CASE WHEN age = 'young' THEN 7 ELSE 2 END THEN 'tea'
    WHEN hash(pseudonym) % 2 = 0 THEN 'cod' ELSE 'rye' END AS product FROM members;
CREATE TABLE lines AS SELECT pseudonym, 1 AS week, 'tea' AS product FROM members;
"""


def declared(measure: Measure) -> bytes:
    return declaration_bytes(Declaration("measured_1", "Accord", "1", {}, measure))


def plan_of(measure: Measure, *, epsilon: float = 0.9) -> Plan:
    return audit_plan(
        study="study-1", country="HK", sites=SITES, purpose="fairness-audit", scopes=("purchases",),
        attributes=(AGE,), package=declared(measure), epsilon_table=epsilon, minimum_cohort=50,
    )  # fmt: skip


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Members who are young are shown drinks more often, others fish and bread."""
    made = build_world(tmp_path, sites=SITES, members=400)
    for place, site in enumerate(SITES):
        folder = made.folders[site]
        with duckdb.connect(str(folder.data)) as database:
            database.execute(_TABLES)
        text = folder.policy.read_text().replace("models = [", 'models = ["shelves", ')
        folder.policy.write_text(text.replace("columns = [", 'columns = ["list_shelf", '))
        made.agents[site] = open_site(folder, clock=made.clock, noise=SeededNoise(place))
    return made


def filed(world: World, plan: Plan) -> None:
    world.gate.plan = plan_bytes(plan)
    world.gate.approvals = approve(world.gate.plan, world.reviewers)


def test_what_each_group_is_shown_is_counted_with_noise_and_judged(world: World) -> None:
    plan = plan_of(SHELVES)
    filed(world, plan)
    gone = next(iter(world.gate.allowed["north"]))
    world.gate.allowed["north"][gone] = 0
    report = run_embedded(world.gate, "study-1", world.answers, package=declared(SHELVES))
    assert report.outcome == "completed"
    (table,) = report.results["tables"].values()
    # Everybody who agreed is in one cell; two sites' noise on 27 cells: ten standard deviations are 62.
    assert abs(np.sum(table["cells"]) - 799) < 100
    assert np.sum(table["cells"]) != 799
    said, verdict = judged(plan, Outcome(report.run, "completed", 1, report.results, b"", ""), Thresholds())
    assert verdict == "FAIL"
    seen = {one["group"]: one["shares"] for one in said["attention"]["age:list_shelf"]}
    assert seen["young"][0] > 0.55
    assert seen["old"][0] < 0.35
    assert said["shelves"] == ["drinks", "fish", "bread"]


def test_a_site_that_does_not_allow_a_gauge_counts_nothing(world: World) -> None:
    filed(world, plan_of(PRICES))
    report = run_embedded(world.gate, "study-1", world.answers, package=declared(PRICES))
    assert report.outcome != "completed"
    assert {*report.results["refusals"].values()} == {"policy"}


def test_each_rung_is_a_table_with_its_own_charge() -> None:
    plan = plan_of(PRICES)
    assert [one.name for one in plan.releases] == ["table:age:price_shelf", "table:age:price_week"] or [
        one.name for one in plan.releases
    ] == ["table:age:price_week", "table:age:price_shelf"]
    assert price(plan).pure == 2 * 900_000_000_000
    assert {one.name: (one.lo, one.hi) for one in plan.features} == dict(PRICES.ladder)


def test_a_declaration_of_gauges_comes_back_as_it_was_and_changes_with_its_ends() -> None:
    for measure in (PRICES, SHELVES):
        assert parse_declaration(declared(measure)).measure == measure
    moved = replace(PRICES, ladder={**PRICES.ladder, "price_week": (-0.2, 0.1)})
    assert declared(moved) != declared(PRICES)
    with pytest.raises(RefusedError) as refused:
        finished_weights(plan_of(PRICES), model_of(plan_of(PRICES)), declared(moved))
    assert refused.value.code is Refusal.PLAN_CHANGED


@pytest.mark.parametrize(
    "wrong",
    [
        replace(PRICES, ladder={"list_own": (0.0, 1.0)}),
        replace(PRICES, ladder={"price_week": (0.1, -0.1)}),
        replace(PRICES, materiality=0.3),
        replace(PRICES, ladder={"price_week": (-0.005, 0.0151)}),  # whoever pays 2 % more is moved to the end
        replace(PRICES, bins=2),  # everybody in one bin: no gap is ever seen
        replace(PRICES, kind="answers", ladder={"price_week": (-0.1, 0.1)}),
        replace(SHELVES, bins=4),
        replace(SHELVES, shelves=("drinks", "fish", "fish")),
    ],
)
def test_a_plan_whose_numbers_cannot_be_worked_out_is_refused(wrong: Measure) -> None:
    with pytest.raises((MalformedError, RefusedError)):
        plan_of(wrong)


def test_a_ladder_that_leaves_a_rung_out_of_an_attribute_is_refused() -> None:
    plan = plan_of(PRICES)
    with pytest.raises(RefusedError, match="each of its rungs"):
        model_of(replace(plan, releases=plan.releases[:1]))


def test_a_file_names_gauges_with_their_ends_or_shelves() -> None:
    said = "measure: {kind: prices, name: p_1, maker: Accord, version: 1, bins: 10, materiality: 0.01, "
    measure = read_audit_file(
        FILE + said + "ladder: {price_week: [-0.1, 0.1], price_shelf: [-0.4, 0]}}"
    ).decisions.measure
    assert measure == replace(PRICES, ladder={"price_week": (-0.1, 0.1), "price_shelf": (-0.4, 0.0)})
    said = "measure: {kind: shelves, name: s_1, maker: Accord, version: 1, materiality: 0.2, "
    measure = read_audit_file(
        FILE + said + "ladder: {list_shelf: [0, 1]}, shelves: [drinks, fish, bread]}"
    ).decisions.measure
    assert measure == SHELVES
