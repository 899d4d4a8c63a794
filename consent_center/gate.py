"""The gate of an embedded run: the four questions, answered by the store of this very process.

A refusal is recorded in a transaction of its own, after the refusing one was rolled back, and then passed on.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage import runs
from consent_center.storage.transaction import Store
from consent_center.workflows.admit_round import admit_round
from consent_center.workflows.admit_run import admit_run
from consent_center.workflows.machine_tokens import run_driven
from consent_center.workflows.record_refusal import record_refusal
from consent_center.workflows.settle_round import settle_round
from consent_center.workflows.settle_run import settle_run
from federated.errors import Refusal, RefusedError
from federated.gate import Admission, RoundReport, RunReport
from federated.signed import Signed
from privacy.noise import SecureNoise

_NOISE = SecureNoise()


class StoreGate:
    """`federated.gate.Gate` on a store.

    Args:
        store: the consent centre's store.
        signer: the key that signs permits, cohorts and removals; sites pin its public half.
        clock: now, timezone-aware.
        new_run: makes the identifier of the next run, unguessable.
        driver: the token under which a coordinator in its own process asks; empty for a coordinator in this one.
    """

    def __init__(
        self,
        store: Store,
        *,
        signer: Ed25519PrivateKey,
        clock: Callable[[], datetime],
        new_run: Callable[[], str],
        driver: str = "",
    ) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock
        self._new_run = new_run
        self._driver = driver

    def admit_run(self, study: str) -> Admission:
        """Admit one run of an approved study, charge it, and cut its cohorts."""
        try:
            return self._store.run(
                admit_run,
                study,
                run=self._new_run(),
                signer=self._signer,
                driver=self._driver,
                noise=_NOISE,
                at=self._clock(),
            )
        except RefusedError as refused:
            self._store.run(record_refusal, study=study, code=str(refused.code), at=self._clock())
            if refused.code is Refusal.PERMIT_EXPIRED:
                self._end(refused.code)
            raise

    def admit_round(self, run: str, number: int, nonces: Mapping[str, str]) -> Mapping[str, Signed]:
        """One signed statement of removals per site that sent a nonce."""
        return self._store.read(admit_round, run, number, nonces, signer=self._signer, at=self._clock())

    def settle_round(self, report: RoundReport) -> None:
        """Record a round; a round without its entry did not happen."""
        try:
            self._store.run(settle_round, report, hub_key=self._signer.public_key(), at=self._clock())
        except RefusedError as refused:
            if refused.code is not Refusal.ROUND_OUT_OF_ORDER:
                study = self._store.read(runs.get, report.run).study
                self._store.run(record_refusal, study=study, code=str(refused.code), at=self._clock())
            raise

    def settle_run(self, report: RunReport) -> None:
        """Record the end of a run and keep its model as a candidate."""
        self._store.run(settle_run, report, at=self._clock())

    def _end(self, code: Refusal) -> None:
        """Settle the run of this token, which nobody can go on with."""
        if run := self._store.read(run_driven, self._driver) if self._driver else "":
            report = RunReport(run, str(code), len(self._store.read(runs.rounds, run)))
            with suppress(RefusedError):  # it had ended before
                self._store.run(settle_run, report, at=self._clock())
