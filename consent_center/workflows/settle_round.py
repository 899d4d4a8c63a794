"""This round is over: who took part, who was left out."""

from datetime import datetime

from consent_center.events import Event
from consent_center.storage import runs
from consent_center.storage.transaction import Transaction
from federated.errors import Refusal, RefusedError
from federated.gate import RoundReport


def settle_round(tx: Transaction, report: RoundReport, *, at: datetime) -> None:
    """Keep what really happened in one round; a round without its entry did not happen.

    Raises:
        RefusedError: `round-out-of-order` when the round was settled before or the run has ended.
        UnknownRunError: it was never admitted.
    """
    known = runs.get(tx, report.run)
    if runs.has_round(tx, report.run, report.round) or runs.outcome(tx, report.run) is not None:
        raise RefusedError(Refusal.ROUND_OUT_OF_ORDER, f"round {report.round} is settled already, or the run has ended")
    entry = tx.append(
        Event(
            "round.settled",
            public={
                "run": report.run,
                "study": known.study,
                "round": report.round,
                "release": report.kind,
                "refused": {site: done.refusal.value for site, done in report.sites.items() if done.refusal},
                "used": {site: done.used_digest for site, done in report.sites.items() if not done.refusal},
            },
            private={"removed": {site: done.removed for site, done in report.sites.items()}},
        ),
        at=at,
    )
    runs.add_round(tx, report, entry=entry)
