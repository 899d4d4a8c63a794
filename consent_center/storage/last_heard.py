"""When each member was last heard of: she said something, or looked at her pages."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from consent_center.storage.columns import from_seconds, moment
from consent_center.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Heard:
    """One member who has said something.

    Attributes:
        last_at: when she last said something or looked, whichever is later.
        language: in which she last said something.
    """

    member: str
    last_at: datetime
    language: str


def last_heard(tx: Transaction) -> list[Heard]:
    """Every member who ever said something, by name."""
    query = text(
        "SELECT m.member, e.at, s.language, v.seen_at FROM statement s JOIN entry e ON e.id = s.entry_id"
        " JOIN member m ON m.no = s.member_no LEFT JOIN last_visit v ON v.member = m.member"
        " WHERE s.entry_id IN (SELECT max(entry_id) FROM statement GROUP BY member_no) ORDER BY m.member"
    )
    return [
        Heard(member, max(from_seconds(at), moment(seen)) if seen else from_seconds(at), language)
        for member, at, language, seen in tx.session.connection().execute(query)
    ]
