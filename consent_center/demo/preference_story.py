"""`accord demo --model preference`: the second model of the programme, from consents to a list on a member's page.

    two rounds of noised sums at every site; closed form at the hub; lists at the site, of members who allow offers

The consent centre, sites, gate, ledger, release check and log are those of the first story; only the model differs.
"""

import json
from time import monotonic
from typing import Any

from audit.fairness.verdict import Thresholds
from consent_center.demo import load
from consent_center.demo.asking import EXPECTED_SHARE, Words, approve, file_and_assess, let_through, register
from consent_center.demo.folder import fresh_folder
from consent_center.demo.offers import make_offers
from consent_center.demo.programme import COUNTRY, DEMOGRAPHICS, FAIRNESS, PREFERENCE, PURCHASES
from consent_center.demo.report import epsilon_by_part
from consent_center.demo.show import Show
from consent_center.demo.stage import Stage, consent_centre
from consent_center.demo.story import MINIMUM_COHORT, DemoGate, ask_members, check_log
from consent_center.demo.synthetic_items import TASKS, UNTIL, WEEKS, with_items
from consent_center.demo.told import Told
from consent_center.demo.world import Options, World
from consent_center.storage import ledger
from consent_center.workflows.release_model import release_model
from federated.errors import Refusal, RefusedError
from federated.flower.embedded import run_embedded
from federated.gate import Admission
from federated.models.preference_plan import preference_plan
from federated.plan import Plan, Use
from privacy.accounting import epsilon_of_cost
from privacy.ledger import PROGRAMME
from privacy.statement import NoiseMode, claim

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
    began = monotonic()
    known = world or World()
    with fresh_folder(options.out) as folder:
        show.act(1, "Data")
        federation = with_items(load.load(options.data, sites=options.sites, seed=options.seed))
        bought = sum(site.items.num_rows for site in federation.sites if site.items is not None)
        show.line(
            f"{federation.source}. {federation.members:,} members at {len(federation.sites)} sites, {bought:,} "
            f"purchases of {len(TASKS[1].categories)} products in {len(TASKS[0].categories)} categories."
        )
        with consent_centre(options, known, folder, federation) as stage:
            told = Told(stage)
            ask_members(told, show)
            plan = _study(stage, show)
            _run(told, plan, show)
            _release(told, show)
            show.act(7, "Lists for members, at the site")
            if told.run is None or told.run.model is None:
                raise AssertionError("told out of order")
            offers = make_offers(stage, told.run.model, show)
            check_log(told, show, number=8)
            for agent in stage.agents.values():
                agent.close()
            told.balance = stage.store.read(ledger.balance, PROGRAMME)
        told.seconds = monotonic() - began
        report = _report(told, plan, offers)
        (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show.end(report, options.out, read="report.json")
    return report


def _study(stage: Stage, show: Show) -> Plan:
    show.act(3, "A study is filed, assessed and approved")
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
    where = approve(stage, study)
    if not where.approved:
        raise AssertionError(f"approved by all, and still missing {where.missing}")
    show.line(f"Study {study.id}: plan {study.plan_digest[:12]}, signed by every reviewer and every site.")
    return plan


def _run(told: Told, plan: Plan, show: Show) -> None:
    stage = told.stage
    show.act(4, "Admission and charge")
    gate = DemoGate(stage.store, signer=stage.signer, clock=stage.world.clock, new_run=stage.world.new_run)

    def admitted(admission: Admission) -> None:
        told.admission = admission
        show.admitted(admission, stage.budget)
        show.act(5, "Two rounds: what everybody buys, then what goes together beyond that; an evaluation and an audit")

    gate.on_admitted = admitted
    with show.bar("rounds", 4) as tick:
        told.run = run_embedded(
            gate, STUDY, {name: one.answer for name, one in stage.agents.items()}, watch=lambda _: tick(1)
        )
    if told.run.outcome != "completed" or told.admission is None:
        raise RefusedError(Refusal(told.run.outcome), f"the run ended with {told.run.outcome}")
    told.claim = claim(
        [told.admission.permit.charge], budget=stage.budget, noise=NoiseMode.LOCAL, sites=len(plan.sites)
    )
    for name, found in told.run.results["quality"].items():
        low, high = found["interval"]
        show.line(
            f"NDCG of {name}: {found['mean']:.3f}, 95 % interval {low:.3f} to {high:.3f}, from a noised histogram."
        )
    for sentence in told.claim.sentences:
        show.line(sentence)


def _release(told: Told, show: Show) -> None:
    stage, run = told.stage, told.run
    if run is None:
        raise AssertionError("told out of order")
    show.act(6, "Fairness check before release: who gets a list that hits")
    told.release = stage.store.run(release_model, run.run, thresholds=Thresholds(), at=stage.world.clock())
    show.audited(told.release)
    if told.release.state == "withheld":
        told.override = let_through(stage, told.release.model_digest)
        show.overridden(told.override)


def _report(told: Told, plan: Plan, offers: dict[str, Any]) -> dict[str, Any]:
    stage = told.stage
    if not (told.run and told.release and told.claim and told.balance and told.published):
        raise AssertionError("told out of order")
    parts = epsilon_by_part(plan, stage.budget.delta)
    return {
        "data": stage.options.data,
        "model": plan.model,
        "source": stage.federation.source,
        "seed": stage.options.seed,
        "sites": list(plan.sites),
        "members": stage.federation.members,
        "statements": told.statements,
        "study": plan.study,
        "run": told.run.run,
        "epsilon": max(parts.values()),
        "epsilon_by_part": parts,
        "delta": stage.budget.delta,
        "claim": list(told.claim.sentences),
        "quality": {name: [one["mean"], *one["interval"]] for name, one in told.run.results["quality"].items()},
        "ledger_epsilon": epsilon_of_cost(told.balance.spent, stage.budget.delta),
        "fairness": [*told.release.report["judged"], *told.release.report["shown"]],
        "release": {
            "verdict": told.release.verdict,
            "state": told.release.state,
            "model": told.release.model_digest,
            "overridden_by": None if told.override is None else told.override.by,
        },
        "offers": offers,
        "log": {
            "size": told.published.checkpoint.size,
            "root": told.published.checkpoint.root.hex(),
            "verified": told.verified,
            "tamper_detected": told.tamper_detected,
        },
        "seconds": round(told.seconds, 1),
    }
