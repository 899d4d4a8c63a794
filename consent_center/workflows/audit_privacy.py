"""Attack a run that was planned with canaries, and set what it finds beside what the ledger charged."""

from consent_center.storage import ledger, runs, studies
from consent_center.storage.transaction import Transaction
from federated.canaries import audit_run
from privacy.canaries import Audit
from privacy.ledger import PROGRAMME
from privacy.quantities import Cost


def audit_privacy(tx: Transaction, run: str) -> Audit:
    """Lower bounds of what one run really cost; reads only, and costs nothing.

    Args:
        tx: the transaction.
        run: a completed run whose plan had canaries.

    Raises:
        UnknownRunError: it was never admitted.
        AuditFailedError: it had no canaries, or has not completed.
    """
    known = runs.get(tx, run)
    outcome = runs.outcome(tx, run)
    charge = ledger.charge_of(tx, PROGRAMME, run)
    return audit_run(
        studies.get(tx, known.study).parsed(),
        run,
        {} if outcome is None else outcome.results,
        charged=Cost.zero() if charge is None else charge.cost,
        delta=ledger.balance(tx, PROGRAMME).budget.delta,
    )
