"""`accord demo --model rfm | decay`: early warning by a public rule, for as long as no trained model is released.

    one round of counts at every site, nothing is trained; the same check before release; the same road to a member

The consent centre, sites, gate, ledger, release check, offers and log are those of the first story.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from consent_center.demo.asking import ALONE, BEFORE_OFFERS, Words, file_and_assess, register
from consent_center.demo.federation import LABEL_COLUMN
from consent_center.demo.offers import make_offers
from consent_center.demo.programme import CHURN, COUNTRY, DEMOGRAPHICS, FAIRNESS, OFFERS, PURCHASES
from consent_center.demo.report import report_of_run, write_data
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage
from consent_center.demo.telling import MINIMUM_COHORT, approved, check_log, check_release, loaded, tell, train
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.storage import ledger
from federated.models.rule_plan import rule_plan
from federated.models.rules import DECAY, RFM
from federated.plan import Plan, Use
from privacy.accounting import epsilon_of_cost
from privacy.ledger import PROGRAMME

STUDY = "rule-2026-11"
CUTS: Mapping[str, Mapping[str, Sequence[float]]] = {
    "decay": {"recency_weeks": (1,)},
    "rfm": {"recency_weeks": (2, 4), "visits_8w": (6, 12), "spend_8w": (150, 350)},
}
"""Where each signal is cut. The data say when a member last came; nothing says when she last put something aside."""
RULES = {"decay": DECAY.name, "rfm": RFM.name}
WORDS = Words(
    title="Which members come less, by a rule that everybody can read",
    reason="Until a trained model is released, a public rule can say who may be about to leave.",
    benefits="Members are asked earlier, by a rule that they can check themselves; nothing is learned from them.",
)


def run_rule(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the story of a rule once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    return tell(options, show, world, data=loaded, acts=_acts, write=_report)


def _acts(told: Told, show: Show) -> None:
    stage = told.stage
    show.act(3, "A rule is filed, assessed and approved like any model")
    register(stage)
    plan = plan_of(stage)
    study, _ = file_and_assess(stage, plan, WORDS)
    approved(stage, study)
    cuts = "; ".join(f"{one.name} cut at {', '.join(f'{edge:g}' for edge in one.edges)}" for one in plan.features)
    show.line(f"{plan.model}: {cuts}. Study {study.id}, signed by every reviewer and every site.")
    train(told, plan, show, rounds=2, then="An evaluation and an audit; nothing is trained")
    if told.run is None or told.claim is None:
        raise AssertionError("told out of order")
    low, high = told.run.results["histogram"]["auc_interval"]
    auc = told.run.results["histogram"]["auc"]
    show.line(f"The rule ranks members with AUC {auc:.3f}, 95 % interval {low:.3f} to {high:.3f}.")
    for sentence in told.claim.sentences:
        show.line(sentence)
    check_release(told, show, number=6)
    if OFFERS in stage.options.purposes:
        show.act(7, "Offers, by the released rule, at one site")
        told.offers = make_offers(stage, told.run.model, show)
    check_log(told, show, number=8 if told.offers else 7)
    told.balance = stage.store.read(ledger.balance, PROGRAMME)


def plan_of(stage: Stage) -> Plan:
    """The plan of the rule that was asked for: one histogram, and a fairness table per attribute."""
    federation, options = stage.federation, stage.options
    cuts = CUTS[options.model]
    columns = {one.name: one for one in federation.features}
    return rule_plan(
        study=STUDY,
        country=COUNTRY,
        sites=tuple(site.site for site in federation.sites),
        uses=(Use(("evaluate",), CHURN, (PURCHASES,)), Use(("audit",), FAIRNESS, (DEMOGRAPHICS,))),
        features=tuple(columns[name] for name in cuts),
        cuts=cuts,
        label=LABEL_COLUMN,
        horizon_days=federation.horizon_days,
        attributes=federation.attributes,
        model=RULES[options.model],
        epsilon_histogram=BEFORE_OFFERS if OFFERS in options.purposes else ALONE,
        minimum_cohort=MINIMUM_COHORT,
    )


def _report(told: Told, folder: Path) -> dict[str, Any]:
    data = report_of_run(told)
    if told.run is None or told.balance is None:
        raise AssertionError("told out of order")
    data |= {
        "auc": told.run.results["histogram"]["auc"],
        "auc_interval": told.run.results["histogram"]["auc_interval"],
        "ledger_epsilon": epsilon_of_cost(told.balance.spent, told.stage.budget.delta),
        "offers": told.offers,
    }
    write_data(data, folder)
    return data
