"""Whom a machine means: a site names members by its own pseudonyms, the programme by their identifiers."""

from consent_center.errors import UnknownMemberError
from consent_center.storage import members
from consent_center.storage.transaction import Transaction


def find_member(tx: Transaction, site: str, reference: str) -> str:
    """The identifier of the member that is meant.

    Args:
        tx: the transaction.
        site: whose pseudonym the reference is; empty if it is an identifier already.
        reference: 32 hexadecimal digits.

    Raises:
        UnknownMemberError: nobody is linked under this pseudonym at the site.
    """
    if not site:
        return reference
    found = members.by_pseudonym(tx, site, [bytes.fromhex(reference)])
    if not found:
        raise UnknownMemberError(reference, "no member is linked under this pseudonym at your site")
    return next(iter(found.values()))


def some_member(tx: Transaction) -> str:
    """A query: the identifier of some member, to try things out with; empty if there is none."""
    return members.anyone(tx)
