"""Statements page by page, for export; reading them is itself in the log, before the first row leaves."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from consent_center.consent.grant import Recorded
from consent_center.events import Event
from consent_center.storage import statements
from consent_center.storage.transaction import Transaction


def begin_export(tx: Transaction, *, token: str, at: datetime) -> None:
    """Note that a token is about to read every statement."""
    public = {"of": "statements", "role": "machine"}
    tx.append(Event.of("export.made", public=public, private={"token": token}), at=at)


def export_page(tx: Transaction, *, after: int, limit: int) -> tuple[list[Mapping[str, str]], int]:
    """A query for `store.read`: up to `limit` statements after a number, and the number of the last.

    The rows have the columns of an import, and number, actor and reason.
    """
    found: Sequence[Recorded] = statements.page(tx, after=after, limit=limit)
    rows: list[Mapping[str, str]] = [
        {
            "member": one.statement.member,
            "act": one.statement.act.value,
            "items": " ".join(str(item) for item in one.statement.items),
            "notice": one.statement.notice,
            "version": str(one.statement.notice_version),
            "language": one.statement.language,
            "choices": one.statement.choices,
            "said_at": one.statement.at.isoformat(),
            "expires_at": "" if one.statement.expires_at is None else one.statement.expires_at.isoformat(),
            "statement": str(one.entry),
            "actor": one.statement.actor.kind.value,
            "reason": one.statement.reason,
        }
        for one in found
    ]
    return rows, found[-1].entry if found else after
