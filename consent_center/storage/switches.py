"""What members set once for all items: no personalised marketing, restricted. Inserted, never changed."""

from collections.abc import Iterable

from sqlalchemy import BigInteger, Column, ForeignKey
from sqlmodel import Field, SQLModel, col, select

from consent_center.consent.verdict import Switch, Switched
from consent_center.storage.bulk import chunks, insert_rows
from consent_center.storage.columns import EntryId, from_seconds, seconds
from consent_center.storage.transaction import Transaction


class SwitchRow(SQLModel, table=True):
    """One setting of one switch."""

    __tablename__ = "switch"
    entry_id: int = Field(sa_column=Column(BigInteger, ForeignKey("entry.id"), primary_key=True, autoincrement=False))
    member_no: int = Field(sa_column=Column(BigInteger, ForeignKey("member.no"), nullable=False, index=True))
    switch: str
    is_on: bool
    at: int = Field(sa_type=BigInteger)
    source: str


def add(tx: Transaction, member_no: int, setting: Switched, *, source: str, entry: EntryId) -> None:
    """Keep one setting."""
    row = (entry, member_no, str(setting.switch), setting.on, seconds(setting.at), source)
    insert_rows(tx, SwitchRow, ("entry_id", "member_no", "switch", "is_on", "at", "source"), [row])


def settings_of(tx: Transaction, members: Iterable[int]) -> dict[int, list[Switched]]:
    """Member number -> how she set her switches; members who never did are left out."""
    found: dict[int, list[Switched]] = {}
    for some in chunks(sorted(set(members))):
        query = select(SwitchRow).where(col(SwitchRow.member_no).in_(some))
        for row in tx.session.exec(query):
            found.setdefault(row.member_no, []).append(Switched(Switch(row.switch), row.is_on, from_seconds(row.at)))
    return found
