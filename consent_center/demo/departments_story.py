"""`accord demo --data departments`: one member, several holders of her data, from her separate yeses to a model.

    sales holds the label; service, marketing and a bank hold other columns of the same people and help

The consent centre, sites, gate, ledger, release check and log are those of the first story; only the exchange is new.
"""

from pathlib import Path
from typing import Any

from consent_center.demo.asking import (
    BINS,
    EPSILON_BIN,
    EPSILON_LABEL,
    STUDY,
    file_and_assess,
    plan_of,
    raise_ceiling,
    register,
)
from consent_center.demo.report import report_of_run, write_data
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage
from consent_center.demo.telling import MINIMUM_COHORT, approved, check_log, check_release, loaded, tell, train
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from federated.keyfile import read_key
from federated.plan import Plan
from federated.site.folder import allow_exchanges, open_site, pin_peers


def run_departments(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the story once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    return tell(options, show, world, data=loaded, acts=_acts, write=_report)


def _acts(told: Told, show: Show) -> None:
    introduce(told.stage)
    plan = _study(told.stage, show)
    _run(told, plan, show)
    check_release(told, show, number=6)
    check_log(told, show, number=7)


def introduce(stage: Stage) -> None:
    """The sites pin each other's keys, out of band, and each says how far it goes with whom."""
    for agent in stage.agents.values():
        agent.close()
    speaking = {name: read_key(folder.speak_key_file).public_key() for name, folder in stage.sites.items()}
    helpers, (holder,) = stage.federation.helped_by, stage.federation.asked_at
    for name, folder in stage.sites.items():
        partners = (holder,) if name in helpers else helpers
        pin_peers(folder, {other: speaking[other] for other in partners})
        allow_exchanges(folder, partners, epsilon_label=EPSILON_LABEL, epsilon_bin=EPSILON_BIN, runs=2)
    stage.agents = {
        name: open_site(folder, clock=stage.world.clock, noise=stage.world.noise())
        for name, folder in stage.sites.items()
    }


def _study(stage: Stage, show: Show) -> Plan:
    show.act(3, "A study with an exchange is filed, assessed and approved")
    register(stage)
    raise_ceiling(stage)
    plan = plan_of(stage, STUDY, sites=[site.site for site in stage.federation.sites], minimum_cohort=MINIMUM_COHORT)
    study, _ = file_and_assess(stage, plan)
    approved(stage, study)
    show.line(
        f"Study {study.id}: plan {study.plan_digest[:12]}, signed by every reviewer and {len(plan.concerned)} sites."
    )
    return plan


def _run(told: Told, plan: Plan, show: Show) -> None:
    rounds, then = int(plan.settings["rounds"]) + 3, "The exchange, then the training"
    train(told, plan, show, rounds=rounds, admission="Admission, link tokens and charge", then=then)
    if told.run is None or told.claim is None:
        raise AssertionError("told out of order")
    for helper in plan.helpers:
        show.line(
            f"{helper.site} answered about {told.rounds[0].sites[helper.site].used:,} linked members: one of {BINS} "
            f"groups each, at ε {EPSILON_BIN:g}, from labels at ε {EPSILON_LABEL:g}; relayed sealed."
        )
    auc = told.run.results["histogram"]["auc"]
    show.line(f"AUC {auc:.3f} on members who were not trained on, from a noised histogram.")
    for sentence in told.claim.sentences:
        show.line(sentence)


def _report(told: Told, folder: Path) -> dict[str, Any]:
    data = report_of_run(told)
    if told.run is None or told.admission is None:
        raise AssertionError("told out of order")
    data |= {
        "helpers": [helper.site for helper in told.admission.plan.helpers],
        "linked": {site: done.used for site, done in told.rounds[0].sites.items()},
        "auc": told.run.results["histogram"]["auc"],
    }
    write_data(data, folder)
    return data
