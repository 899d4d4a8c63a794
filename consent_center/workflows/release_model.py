"""The check before release: no model is used before an audit of exactly that model, on data of now.

    candidate or withheld   PASS releases it, anything else withholds it
    released or overridden  PASS keeps it (and ends an override), anything else suspends it: scoring stops
    suspended or retired    is not audited back into use: train a new model
    numbers of members      (answers, lists, offers, prices) are noted: there is nothing to release

The same check judges a training run's candidate, a later audit of a finished model, and somebody else's algorithm.
"""

from datetime import datetime, timedelta

from audit.fairness.verdict import Thresholds, Verdict
from consent_center.events import Event
from consent_center.storage import releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.runs import Outcome
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from consent_center.workflows._auditing import FAILED, limits_of
from consent_center.workflows._finding import open_finding
from consent_center.workflows._held_out import held_out
from consent_center.workflows._judging import judged
from federated.models.measures import MEASURES
from federated.plan import Plan, digest
from federated.signed import decode, encode

CURRENT = timedelta(days=30)
"""How old an audit's counts may be when it is judged."""


def release_model(tx: Transaction, run: str, *, at: datetime, thresholds: Thresholds | None = None) -> Release:
    """Judge a run's noised tables, and release, withhold or suspend the model that they were counted with.

    The verdict is on the impact ratio of selection, over all groups of all attributes together; other gaps are in the
    report.

    Args:
        tx: the transaction.
        run: a completed run with an audit in it.
        at: now.
        thresholds: limits for what the plan leaves open; what the approved plan names cannot be changed.

    Raises:
        ReleaseError: the run has no model, its counts are too old, it or its model was judged already, or the plan
            names other limits.
        UnknownRunError: it was never admitted.
    """
    known = runs.get(tx, run)
    study = studies.get(tx, known.study)
    plan, outcome = study.parsed(), runs.outcome(tx, run)
    if outcome is None or outcome.outcome != "completed" or not (model := _audited(plan, outcome)):
        raise ReleaseError("this run has not completed with a model")
    if at - datetime.fromisoformat(decode(known.permit.payload)["issued_at"]) > CURRENT:
        raise ReleaseError(f"this run counted more than {CURRENT.days} days ago: audit the model again, on data of now")
    before = releases.latest(tx, model)
    if releases.judged(tx, run):
        raise ReleaseError("this run was judged already: audit the model again with a new plan")
    if before is not None and before.state in ("suspended", "retired"):
        raise ReleaseError(f"this model is {before.state}: an audit does not bring it back; train a new one")
    limits = limits_of(plan, thresholds)
    report, verdict = judged(plan, outcome, limits)
    if (checked := held_out(plan, outcome.results)) is not None:
        report = {**report, "held_out": checked.data()}
        verdict = verdict if checked.passed else Verdict.FAIL
    state: releases.State = "noted" if plan.model in MEASURES else _next(verdict, before)
    made = Release(
        model_digest=model,
        run=run,
        state=state,
        verdict=str(verdict),
        report=report,
        by="",
        reason="",
        decided_at=at,
        until=None,
    )
    public = {
        "run": run,
        "study": known.study,
        "model": model,
        "verdict": made.verdict,
        "report": digest(encode(report)),
    }
    if state == "suspended":
        public["code"] = FAILED
    entry = tx.append(Event("audit.judged" if state == "noted" else f"model.{state}", public=public), at=at)
    releases.add(tx, made, entry=entry)
    if verdict is Verdict.FAIL if state == "noted" else state != "released":
        open_finding(tx, FAILED, known.study, owner=study.accountable, at=at)
    return made


def _audited(plan: Plan, outcome: Outcome) -> str:
    """The digest of the model that was counted with; empty if nothing was audited."""
    if plan.releases_of("score"):
        return ""
    return outcome.model_digest or plan.package


def _next(verdict: Verdict, before: Release | None) -> releases.State:
    if verdict is Verdict.PASS:
        return "released"
    return "suspended" if before is not None and before.state in ("released", "overridden") else "withheld"
