"""What is defined, for whoever may ask."""

from consent_center.consent.catalogue import Catalogue
from consent_center.storage import definitions
from consent_center.storage.transaction import Transaction


def show_catalogue(tx: Transaction) -> Catalogue:
    """A query for `store.read`: every scope, purpose, recipient, contract, assessment, notice and item."""
    return definitions.catalogue(tx)
