"""The check before release: no model is used before an audit of exactly that model."""

from datetime import datetime

from audit.fairness.counts import CountTable
from audit.fairness.differences import differences
from audit.fairness.gaps import comparisons, judge, release_verdict
from audit.fairness.report import audit_report
from audit.fairness.verdict import Thresholds, Verdict
from consent_center.events import Event
from consent_center.storage import releases, runs, studies
from consent_center.storage.releases import Release
from consent_center.storage.transaction import Transaction
from consent_center.studies.errors import ReleaseError
from federated.plan import digest
from federated.results import read_tables
from federated.signed import encode


def release_model(tx: Transaction, run: str, *, thresholds: Thresholds, at: datetime) -> Release:
    """Judge a run's noised tables and release its model, or withhold it.

    The verdict is on the impact ratio of selection, over all groups of all attributes together; other gaps are in the
    report. Only PASS releases.

    Args:
        tx: the transaction.
        run: a completed run with an audit in it.
        thresholds: the limits, as data.
        at: now.

    Raises:
        ReleaseError: the run has no model, or its model was judged already.
        UnknownRunError: it was never admitted.
    """
    known = runs.get(tx, run)
    outcome = runs.outcome(tx, run)
    if outcome is None or outcome.outcome != "completed" or not outcome.model:
        raise ReleaseError("this run has not completed with a model")
    if releases.latest(tx, outcome.model_digest) is not None:
        raise ReleaseError("this model was judged already: audit it again with a new plan")
    tables: tuple[CountTable, ...] = read_tables(studies.get(tx, known.study).parsed(), outcome.results)
    tests = sum(comparisons(table) for table in tables)
    gaps = [gap for table in tables for gap in judge(table, thresholds, tests=tests)]
    verdict = release_verdict(gaps)
    report = audit_report(
        tables, gaps, [gap for table in tables for gap in differences(table, thresholds)], thresholds=thresholds
    )
    state: releases.State = "released" if verdict is Verdict.PASS else "withheld"
    made = Release(
        model_digest=outcome.model_digest,
        run=run,
        state=state,
        verdict=str(verdict),
        report=report,
        by="",
        reason="",
        decided_at=at,
        until=None,
    )
    entry = tx.append(
        Event(
            f"model.{state}",
            public={
                "run": run,
                "study": known.study,
                "model": outcome.model_digest,
                "verdict": str(verdict),
                "report": digest(encode(report)),
            },
        ),
        at=at,
    )
    releases.add(tx, made, entry=entry)
    return made
