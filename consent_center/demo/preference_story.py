"""`accord demo --model preference`: the second model of the programme, from consents to a list on a member's page.

    two rounds of noised sums at every site; closed form at the hub; lists at the site, of members who allow offers

The consent centre, sites, gate, ledger, release check and log are those of the first story; only the model differs.
"""

from pathlib import Path
from typing import Any

from consent_center.demo.asking import EXPECTED_SHARE, Words, file_and_assess, register
from consent_center.demo.federation import Federation
from consent_center.demo.offers import make_offers
from consent_center.demo.programme import COUNTRY, DEMOGRAPHICS, FAIRNESS, PREFERENCE, PURCHASES
from consent_center.demo.report import report_of_run, write_data
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage
from consent_center.demo.synthetic_items import TASKS, UNTIL, WEEKS, with_items
from consent_center.demo.telling import MINIMUM_COHORT, approved, check_log, check_release, loaded, tell, train
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.storage import ledger
from federated.models.preference_plan import preference_plan
from federated.plan import Plan, Use
from privacy.accounting import epsilon_of_cost
from privacy.ledger import PROGRAMME

STUDY = "preference-2026-11"
EPSILON_TABLE, EPSILON_QUALITY = 0.75, 0.05
HIT = 0.25
WORDS = Words(
    title="What members may like next",
    reason="Members see ten things among thousands; they may as well be things that suit them.",
    benefits="Lists that suit a member, made where her purchases are; nobody else learns what she buys.",
)


def run_preference(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the story of the second model once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    return tell(options, show, world, data=_bought, acts=_acts, write=_report)


def _bought(options: Options) -> Federation:
    return with_items(loaded(options))


def _acts(told: Told, show: Show) -> None:
    stage = told.stage
    plan = _study(stage, show)
    _run(told, plan, show)
    check_release(told, show, number=6, title="Fairness check before release: who gets a list that hits")
    show.act(7, "Lists for members, at the site")
    if told.run is None or told.run.model is None:
        raise AssertionError("told out of order")
    told.offers = make_offers(stage, told.run.model, show)
    check_log(told, show, number=8)
    told.balance = stage.store.read(ledger.balance, PROGRAMME)


def _study(stage: Stage, show: Show) -> Plan:
    show.act(3, "A study is filed, assessed and approved")
    bought = sum(site.items.num_rows for site in stage.federation.sites if site.items is not None)
    show.line(f"{bought:,} purchases of {len(TASKS[1].categories)} products in {len(TASKS[0].categories)} categories.")
    register(stage)
    federation, options = stage.federation, stage.options
    plan = preference_plan(
        study=STUDY,
        country=COUNTRY,
        sites=tuple(site.site for site in federation.sites),
        uses=(Use(("train", "evaluate"), PREFERENCE, (PURCHASES,)), Use(("audit",), FAIRNESS, (DEMOGRAPHICS,))),
        tasks=TASKS,
        until=UNTIL,
        horizon=WEEKS - UNTIL,
        horizon_days=7 * (WEEKS - UNTIL),
        attributes=federation.attributes,
        members=round(federation.members * EXPECTED_SHARE),
        epsilon=options.epsilon,
        delta=federation.delta,
        epsilon_quality=EPSILON_QUALITY,
        epsilon_table=EPSILON_TABLE,
        threshold=HIT,
        minimum_cohort=MINIMUM_COHORT,
    )
    study, _ = file_and_assess(stage, plan, WORDS)
    approved(stage, study)
    show.line(f"Study {study.id}: plan {study.plan_digest[:12]}, signed by every reviewer and every site.")
    return plan


def _run(told: Told, plan: Plan, show: Show) -> None:
    then = "Two rounds: what everybody buys, then what goes together beyond that; an evaluation and an audit"
    train(told, plan, show, rounds=4, then=then)
    if told.run is None or told.claim is None:
        raise AssertionError("told out of order")
    for name, found in told.run.results["quality"].items():
        low, high = found["interval"]
        show.line(
            f"NDCG of {name}: {found['mean']:.3f}, 95 % interval {low:.3f} to {high:.3f}, from a noised histogram."
        )
    for sentence in told.claim.sentences:
        show.line(sentence)


def _report(told: Told, folder: Path) -> dict[str, Any]:
    data, stage = report_of_run(told), told.stage
    if told.run is None or told.balance is None:
        raise AssertionError("told out of order")
    data |= {
        "quality": {name: [one["mean"], *one["interval"]] for name, one in told.run.results["quality"].items()},
        "ledger_epsilon": epsilon_of_cost(told.balance.spent, stage.budget.delta),
        "offers": told.offers,
    }
    write_data(data, folder)
    return data
