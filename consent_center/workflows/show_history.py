"""A member reads everything the log says about her, opened with her own key."""

from dataclasses import dataclass

from consent_center.consent.catalogue import Catalogue
from consent_center.storage import definitions, history, members
from consent_center.storage.history import Happened
from consent_center.storage.transaction import Transaction

_SCAN = 500
_SCANS = 8


@dataclass(frozen=True, slots=True)
class Pages:
    """One page of a history.

    Attributes:
        lines: newest first.
        more_below: entry number below which the next page continues; None at the end.
    """

    catalogue: Catalogue
    lines: list[Happened]
    more_below: int | None


def show_history(
    tx: Transaction, member: str, *, kinds: frozenset[str] | None = None, before: int | None = None, limit: int = 30
) -> Pages:
    """One page of a member's history.

    A filter looks at no more than 4,000 entries at a time; the page then says where to go on.

    Args:
        tx: the transaction.
        member: whose.
        kinds: only these kinds of event; None for all.
        before: continue below this entry number.
        limit: lines on the page.

    Raises:
        UnknownMemberError: no such member.
    """
    number = members.get(tx, member).no
    found: list[Happened] = []
    for _ in range(_SCANS):
        size = limit + 1 if kinds is None else _SCAN
        some = history.of_member(tx, number, before=before, limit=size)
        for one in some:
            if kinds is not None and one.kind not in kinds:
                continue
            found.append(one)
            if len(found) > limit:
                return Pages(definitions.catalogue(tx), found[:limit], found[limit - 1].entry)
        if len(some) < size:
            return Pages(definitions.catalogue(tx), found, None)
        before = some[-1].entry
    return Pages(definitions.catalogue(tx), found, before)


def show_entry(tx: Transaction, member: str, *, index: int) -> Happened | None:
    """The member's own entry at this place of the log, or None."""
    return history.at_index(tx, members.get(tx, member).no, index)
