"""Clearance of decisions, answered by the store of this very process: for sites that run embedded."""

from collections.abc import Callable, Sequence
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from consent_center.storage.transaction import Store
from consent_center.workflows.clear_decisions import clear_decisions
from federated.clearance import Proposal
from federated.signed import Signed


class StoreClearing:
    """`federated.clearance.Clearing` on a store.

    Args:
        store: the consent centre's store.
        signer: the key that signs clearances; sites pin its public half.
        clock: now, timezone-aware.
    """

    def __init__(self, store: Store, *, signer: Ed25519PrivateKey, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock

    def clear(self, site: str, nonce: str, run: str, proposals: Sequence[Proposal]) -> Signed:
        """Answer proposals; see `workflows.clear_decisions`."""
        return self._store.run(clear_decisions, site, nonce, run, proposals, signer=self._signer, at=self._clock())
