"""What the demo leaves behind: `report.json` for programs, `report.html` for people."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from consent_center.demo import charts
from consent_center.demo.reference import NOTE
from consent_center.demo.told import Told
from consent_center.storage.releases import Release
from federated.plan import Plan
from federated.price import ledger_releases
from privacy.accounting import epsilon_of_cost
from privacy.ledger import cost_by_part
from privacy.quantities import UNITS_PER_ONE


def write_report(told: Told, folder: Path) -> dict[str, Any]:
    """Write both files and return the data of the first.

    Args:
        told: a story that was told to its end.
        folder: where the files go.
    """
    data = report_data(told)
    write_data(data, folder)
    (folder / "report.html").write_text(page(data), encoding="utf-8")
    return data


def report_data(told: Told) -> dict[str, Any]:
    """Everything that happened, as JSON data."""
    stage = told.stage
    admission, run, comparison = told.admission, told.run, told.comparison
    claim, balance, published = told.claim, told.balance, told.published
    if not (admission and run and comparison and claim and balance and published and told.release):
        raise ValueError("the story was not told to its end")
    histogram = run.results["histogram"]
    parts = epsilon_by_part(admission.plan, stage.budget.delta)
    codes = [attempt.reason for attempt in told.refusals]
    return {
        "data": stage.options.data,
        "source": stage.federation.source,
        "label": stage.federation.label,
        "horizon_days": stage.federation.horizon_days,
        "seed": stage.options.seed,
        "sites": [site.site for site in stage.federation.sites],
        "members": stage.federation.members,
        "statements": told.statements,
        "study": admission.permit.study,
        "plan": admission.permit.plan_digest,
        "run": run.run,
        "cohort_by_site_and_round": {
            site: [report.sites[site].used for report in told.rounds] for site in admission.plan.sites
        },
        "kind_by_round": [report.kind for report in told.rounds],
        "digest_by_site_and_round": {
            site: [report.sites[site].used_digest for report in told.rounds] for site in admission.plan.sites
        },
        "withdrawn_midrun": told.withdrawn,
        "withdrawn_after_round": int(admission.plan.settings["rounds"]) // 2,
        "rounds": int(admission.plan.settings["rounds"]),
        "epsilon": max(parts.values()),
        "epsilon_by_part": parts,
        "delta": stage.budget.delta,
        "unit": claim.unit,
        "adjacency": claim.adjacency,
        "noise_mode": admission.plan.noise_mode,
        "claim": list(claim.sentences),
        "auc_federated": histogram["auc"],
        "auc_interval": histogram["auc_interval"],
        "auc_federated_exact_nonprivate": comparison.federated,
        "auc_central_nonprivate": comparison.central,
        "nonprivate_note": NOTE,
        "reference_curve": [{"round": one.round, "loss": one.loss, "auc": one.auc} for one in comparison.curve],
        "ledger": {
            "budget": {
                "epsilon": stage.budget.epsilon,
                "epsilon_pure": stage.budget.epsilon_pure,
                "mu2": balance.budget.limit.gaussian / UNITS_PER_ONE,
            },
            "spent": {
                "epsilon": epsilon_of_cost(balance.spent, stage.budget.delta),
                "epsilon_pure": balance.spent.epsilon_pure,
                "mu2": balance.spent.gaussian / UNITS_PER_ONE,
            },
            "refused": codes.count("over-budget"),
        },
        "fairness": [*told.release.report["judged"], *told.release.report["shown"]],
        "release": _release(told.release, told.override),
        "offers": told.offers,
        "refusals": [{"step": one.step, "reason": one.reason, "said": one.said} for one in told.refusals],
        "log": {
            "size": published.checkpoint.size,
            "root": published.checkpoint.root.hex(),
            "origin": published.checkpoint.origin,
            "verified": told.verified,
            "tamper_detected": told.tamper_detected,
        },
        "seconds": round(told.seconds, 1),
    }


def report_of_run(told: Told) -> dict[str, Any]:
    """What every story that has one run to tell of reports of it, as JSON data."""
    stage = told.stage
    if not (told.admission and told.run and told.release and told.claim and told.published):
        raise ValueError("the story was not told to its end")
    plan, release = told.admission.plan, told.release
    parts = epsilon_by_part(plan, stage.budget.delta)
    return {
        "data": stage.options.data,
        "model": plan.model,
        "source": stage.federation.source,
        "seed": stage.options.seed,
        "sites": list(plan.concerned),
        "members": stage.federation.members,
        "statements": told.statements,
        "study": plan.study,
        "run": told.run.run,
        "epsilon": max(parts.values()),
        "epsilon_by_part": parts,
        "delta": stage.budget.delta,
        "claim": list(told.claim.sentences),
        "fairness": [*release.report["judged"], *release.report["shown"]],
        "release": {
            "verdict": release.verdict,
            "state": release.state,
            "model": release.model_digest,
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


def write_data(data: dict[str, Any], folder: Path) -> None:
    """A report for programs."""
    (folder / "report.json").write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def epsilon_by_part(plan: Plan, delta: float) -> dict[str, float]:
    """Part -> the ε, at this δ, of any one member who is in that part of a run of this plan."""
    return {part: epsilon_of_cost(cost, delta) for part, cost in cost_by_part(ledger_releases(plan)).items()}


def page(data: dict[str, Any]) -> str:
    """The readable report: one file, no script, nothing loaded from elsewhere."""
    environment = Environment(
        loader=PackageLoader("consent_center.demo"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    static = files("consent_center.web") / "static"
    style = "\n".join((static / name).read_text(encoding="utf-8") for name in ("tokens.css", "accord.css"))
    judged = [gap for gap in data["fairness"] if gap["measure"] == "impact_ratio"]
    return environment.get_template("report.html").render(
        r=data,
        style=style,
        loss=charts.curve([one["loss"] for one in data["reference_curve"]]),
        used={
            site: charts.curve(counts[: data["rounds"]]) for site, counts in data["cohort_by_site_and_round"].items()
        },
        judged=[charts.ratio(gap) for gap in judged],
        shown=[gap for gap in data["fairness"] if gap["measure"] != "impact_ratio"],
    )


def _release(release: Release, override: Release | None) -> dict[str, Any]:
    return {
        "verdict": release.verdict,
        "state": release.state,
        "model": release.model_digest,
        "override": None
        if override is None
        else {
            "by": override.by,
            "reason": override.reason,
            "until": None if override.until is None else override.until.isoformat(),
            "signed": None if override.signed is None else override.signed.to_text(),
        },
    }
