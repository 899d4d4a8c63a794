"""This run is over: what came out, as a candidate that nobody may use yet."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import runs
from consent_center.storage.transaction import Transaction
from federated.errors import Refusal, RefusedError
from federated.gate import RunReport
from federated.plan import digest
from federated.signed import encode


def settle_run(tx: Transaction, report: RunReport, *, at: datetime) -> None:
    """Keep how a run ended. Nothing is refunded: numbers may have left the sites.

    Raises:
        RefusedError: `round-out-of-order` when the run has ended already.
        UnknownRunError: it was never admitted.
    """
    known = runs.get(tx, report.run)
    if runs.outcome(tx, report.run) is not None:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, "this run has ended already")
    entry = tx.append(
        Event(
            "run.settled",
            public={
                "run": report.run,
                "study": known.study,
                "outcome": report.outcome,
                "rounds": report.rounds,
                "results": digest(encode(report.results)),
                **({"model": digest(report.model)} if report.model else {}),
            },
        ),
        at=at,
    )
    runs.add_outcome(tx, report, entry=entry)
