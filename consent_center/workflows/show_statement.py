"""One statement of a member, as it is kept: for the page that shows what was stored."""

from consent_center.consent.grant import Recorded
from consent_center.errors import UnknownStatementError
from consent_center.storage import statements
from consent_center.storage.transaction import EntryId, Transaction


def show_statement(tx: Transaction, member: str, entry: int) -> Recorded:
    """A query for `store.read`: one of this member's statements.

    Raises:
        UnknownStatementError: no such statement of hers.
    """
    owner, said = statements.get(tx, EntryId(entry))
    if owner != member:
        raise UnknownStatementError(entry)
    return Recorded(entry, said)
