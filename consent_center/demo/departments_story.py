"""`accord demo --data departments`: one member, several holders of her data, from her separate yeses to a model.

    sales holds the label; service, marketing and a bank hold other columns of the same people and help

The consent centre, sites, gate, ledger, release check and log are those of the first story; only the exchange is new.
"""

import json
from time import monotonic
from typing import Any

from audit.fairness.verdict import Thresholds
from consent_center.demo import load
from consent_center.demo.asking import (
    BINS,
    EPSILON_BIN,
    EPSILON_LABEL,
    STUDY,
    approve,
    file_and_assess,
    let_through,
    plan_of,
    raise_ceiling,
    register,
)
from consent_center.demo.folder import fresh_folder
from consent_center.demo.report import epsilon_by_part
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage, consent_centre
from consent_center.demo.story import MINIMUM_COHORT, DemoGate, ask_members, check_log
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.workflows.release_model import release_model
from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.gate import Admission, RoundReport
from federated.keyfile import read_key
from federated.plan import Plan
from federated.site.folder import allow_exchanges, open_site, pin_peers
from privacy.statement import NoiseMode, claim


def run_departments(options: Options, show: Show, world: World | None = None) -> dict[str, Any]:
    """Tell the story once and return the report that was written to `options.out`.

    Raises:
        DemoDataError: the data or the folder do not allow it; nothing was written.
        RefusedError: an act that should have been allowed was refused.
    """
    began = monotonic()
    known = world or World()
    with fresh_folder(options.out) as folder:
        show.act(1, "Data")
        federation = load.load(options.data, sites=options.sites, seed=options.seed)
        show.line(f"{federation.source}. {federation.members:,} members, each at {len(federation.sites)} sites.")
        with consent_centre(options, known, folder, federation) as stage:
            told = Told(stage)
            ask_members(told, show)
            introduce(stage)
            plan = _study(stage, show)
            _run(told, plan, show)
            _release(told, show)
            check_log(told, show, number=7)
            for agent in stage.agents.values():
                agent.close()
        told.seconds = monotonic() - began
        report = _report(told, plan)
        (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show.end(report, options.out, read="report.json")
    return report


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
    where = approve(stage, study)
    if not where.approved:
        raise AssertionError(f"approved by all, and still missing {where.missing}")
    show.line(
        f"Study {study.id}: plan {study.plan_digest[:12]}, signed by every reviewer and {len(plan.concerned)} sites."
    )
    return plan


def _run(told: Told, plan: Plan, show: Show) -> None:
    stage = told.stage
    show.act(4, "Admission, link tokens and charge")
    gate = DemoGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)

    def admitted(admission: Admission) -> None:
        told.admission = admission
        show.admitted(admission, stage.budget)
        show.act(5, "The exchange, then the training")

    def watch(report: RoundReport) -> None:
        told.rounds.append(report)
        tick(1)

    gate.on_admitted = admitted
    with show.bar("rounds", int(plan.settings["rounds"]) + 3) as tick:
        told.run = run_embedded(gate, STUDY, {name: one.answer for name, one in stage.agents.items()}, watch=watch)
    if told.run.outcome != "completed" or told.admission is None:
        raise RefusedError(Refusal(told.run.outcome), f"the run ended with {told.run.outcome}")
    for helper in plan.helpers:
        show.line(
            f"{helper.site} answered about {told.rounds[0].sites[helper.site].used:,} linked members: one of {BINS} "
            f"groups each, at ε {EPSILON_BIN:g}, from labels at ε {EPSILON_LABEL:g}; relayed sealed."
        )
    charge = told.admission.permit.charge
    told.claim = claim([charge], budget=stage.budget, noise=NoiseMode.LOCAL, sites=len(plan.sites))
    auc = told.run.results["histogram"]["auc"]
    show.line(f"AUC {auc:.3f} on members who were not trained on, from a noised histogram.")
    for sentence in told.claim.sentences:
        show.line(sentence)


def _release(told: Told, show: Show) -> None:
    stage, run = told.stage, told.run
    if run is None:
        raise AssertionError("told out of order")
    show.act(6, "Fairness check before release")
    told.release = stage.store.run(release_model, run.run, thresholds=Thresholds(), at=stage.world.clock())
    show.audited(told.release)
    if told.release.state == "withheld":
        told.override = let_through(stage, told.release.model_digest)
        show.overridden(told.override)


def _report(told: Told, plan: Plan) -> dict[str, Any]:
    stage = told.stage
    if not (told.run and told.release and told.claim and told.published):
        raise AssertionError("told out of order")
    parts = epsilon_by_part(plan, stage.budget.delta)
    return {
        "data": stage.options.data,
        "model": plan.model,
        "source": stage.federation.source,
        "seed": stage.options.seed,
        "sites": list(plan.concerned),
        "helpers": [helper.site for helper in plan.helpers],
        "members": stage.federation.members,
        "statements": told.statements,
        "study": plan.study,
        "run": told.run.run,
        "linked": {site: done.used for site, done in told.rounds[0].sites.items()},
        "auc": told.run.results["histogram"]["auc"],
        "epsilon": max(parts.values()),
        "epsilon_by_part": parts,
        "delta": stage.budget.delta,
        "claim": list(told.claim.sentences),
        "fairness": [*told.release.report["judged"], *told.release.report["shown"]],
        "release": {
            "verdict": told.release.verdict,
            "state": told.release.state,
            "model": told.release.model_digest,
            "overridden_by": None if told.override is None else told.override.by,
        },
        "log": {
            "size": told.published.checkpoint.size,
            "root": told.published.checkpoint.root.hex(),
            "verified": told.verified,
            "tamper_detected": told.tamper_detected,
        },
        "seconds": round(told.seconds, 1),
    }
