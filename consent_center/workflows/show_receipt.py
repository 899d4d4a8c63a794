"""The receipt of one statement: the copy that the member keeps."""

from audit.log.hashing import leaf_hash
from consent_center.consent.grant import Recorded
from consent_center.consent.receipt import Controller, Receipt, receipt_of
from consent_center.errors import UnknownStatementError
from consent_center.storage import definitions, entries, statements
from consent_center.storage.transaction import EntryId, Transaction


def show_receipt(tx: Transaction, member: str, entry: int, *, controller: Controller) -> Receipt:
    """A query for `store.read`: the receipt of one of this member's statements; sign it with `sign_receipt`.

    Args:
        tx: the transaction.
        member: whose.
        entry: the statement, as `give_consent` and its kin returned it.
        controller: who answers for the processing.

    Raises:
        UnknownStatementError: no such statement of hers.
    """
    owner, said = statements.get(tx, EntryId(entry))
    if owner != member:
        raise UnknownStatementError(entry)
    hashed = leaf_hash(entries.leaf(tx, EntryId(entry))).hex()
    return receipt_of(Recorded(entry, said), definitions.catalogue(tx), controller, leaf_hash=hashed)
