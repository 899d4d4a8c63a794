"""What recipients were told, for staff, for the recipient itself, and for the member."""

from consent_center.consent.propagation import Task
from consent_center.storage import members, tasks
from consent_center.storage.transaction import Transaction


def show_tasks(
    tx: Transaction, *, recipient: str = "", only_open: bool = False, after: str = "", limit: int = 100
) -> list[tuple[Task, str]]:
    """A query for `store.read`: tasks with their outcomes ("" while open), by identifier.

    Args:
        tx: the transaction.
        recipient: whose; empty for all.
        only_open: leave out those that ended.
        after: the last identifier of the page before.
        limit: how many at most.
    """
    return tasks.listed(tx, recipient=recipient, only_open=only_open, after=after, limit=limit)


def count_open_tasks(tx: Transaction) -> dict[str, int]:
    """A query for `store.read`: recipient -> how many tasks it has not been told of yet."""
    return tasks.backlog(tx)


def show_member_tasks(tx: Transaction, member: str) -> list[tuple[Task, str]]:
    """A query for `store.read`: what was told to whom about one member, newest first.

    Raises:
        UnknownMemberError: no such member.
    """
    return tasks.of_member(tx, members.get(tx, member).no)
