"""How rows write times and refer to their audit entry."""

from datetime import UTC, datetime
from typing import Annotated, NewType

from sqlalchemy import BigInteger
from sqlmodel import Field

EntryId = NewType("EntryId", int)
"""The number of an audit entry in the database; the leaf shows a random identifier instead."""

EntryRef = Annotated[int, Field(foreign_key="entry.id", unique=True, sa_type=BigInteger)]
"""NOT NULL UNIQUE REFERENCES entry: a state row without its entry cannot be written."""


def text(at: datetime) -> str:
    """A time as text that sorts: ISO 8601 in UTC.

    Raises:
        ValueError: no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("times need a zone")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def moment(written: str) -> datetime:
    """Read what `text` wrote."""
    return datetime.fromisoformat(written)


def seconds(at: datetime) -> int:
    """A time as whole seconds since 1970, rounded down.

    Raises:
        ValueError: no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("times need a zone")
    return int(at.timestamp() // 1)


def from_seconds(number: int) -> datetime:
    """Read what `seconds` gave."""
    return datetime.fromtimestamp(number, UTC)
