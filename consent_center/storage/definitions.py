"""Scopes, purposes, recipients, contracts, assessments and notices, as insert-only versions.

A definition's number is its audit entry. The catalogue folded from them is kept warm; whenever a definition was
added, by whichever process, the next transaction folds anew.
"""

import hashlib
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, Column, UniqueConstraint, func
from sqlmodel import Field, SQLModel, col, select

from consent_center.consent.catalogue import Catalogue, Definition, fold
from consent_center.consent.notice import Notice
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Assessment, Contract, Recipient
from consent_center.consent.scope import Item, Scope
from consent_center.storage.bulk import driver_of, insert_rows
from consent_center.storage.columns import EntryId, seconds
from consent_center.storage.transaction import Transaction

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "scope": TypeAdapter(Scope),
    "purpose": TypeAdapter(Purpose),
    "recipient": TypeAdapter(Recipient),
    "contract": TypeAdapter(Contract),
    "assessment": TypeAdapter(Assessment),
    "notice": TypeAdapter(Notice),
}


class DefinitionRow(SQLModel, table=True):
    """One version of one definition."""

    __tablename__ = "definition"
    __table_args__ = (UniqueConstraint("kind", "code", "version"),)
    entry_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    kind: str
    code: str
    version: int
    body: str
    at: int = Field(sa_type=BigInteger)


class ItemRow(SQLModel, table=True):
    """An item that some notice asks for, with its number."""

    __tablename__ = "item"
    __table_args__ = (UniqueConstraint("scope", "purpose", "recipient", "country"),)
    no: int = Field(primary_key=True)
    scope: str
    purpose: str
    recipient: str
    country: str


def kind_of(definition: Definition) -> str:
    """What a definition is called in rows and entries."""
    return type(definition).__name__.lower()


def written(definition: Definition) -> tuple[str, str]:
    """A definition as JSON, and the SHA-256 of that."""
    body = _ADAPTERS[kind_of(definition)].dump_json(definition).decode()
    return body, hashlib.sha256(body.encode()).hexdigest()


def notice_of(body: str) -> Notice:
    """The notice that was written like this."""
    found: Notice = _ADAPTERS["notice"].validate_json(body)
    return found


def next_version(tx: Transaction, definition: Definition) -> int:
    """The version that this definition will have."""
    query = (
        select(func.coalesce(func.max(DefinitionRow.version), 0))
        .where(DefinitionRow.kind == kind_of(definition))
        .where(DefinitionRow.code == definition.code)
    )
    return tx.session.exec(query).one() + 1


def add(tx: Transaction, definition: Definition, *, version: int, entry: EntryId, at: datetime) -> None:
    """Keep one version of a definition; a notice's new items get their numbers."""
    body, _ = written(definition)
    row = (entry, kind_of(definition), definition.code, version, body, seconds(at))
    insert_rows(tx, DefinitionRow, ("entry_id", "kind", "code", "version", "body", "at"), [row])
    if isinstance(definition, Notice):
        known = _items(tx)
        fresh = [item for item in definition.items if item not in known]
        first = max(known.values(), default=0) + 1
        rows = [
            (first + offset, item.scope, item.purpose, item.recipient, item.country)
            for offset, item in enumerate(fresh)
        ]
        insert_rows(tx, ItemRow, ("no", "scope", "purpose", "recipient", "country"), rows)


def catalogue(tx: Transaction) -> Catalogue:
    """Everything defined so far, as this transaction sees it."""
    state = _state(tx)
    if (known := _warm(tx, state)) is not None:
        return known
    with tx.committed() as seen:
        committed = _state(seen)
        if (known := _warm(tx, committed)) is None:
            known = fold(_definitions(seen), _items(seen))
            tx.warm["catalogue"] = committed, known
    # Definitions of this very transaction are not committed yet: they are for its own eyes, never kept.
    return known if state == committed else fold(_definitions(tx), _items(tx))


def catalogue_at(tx: Transaction, at: datetime) -> Catalogue:
    """Everything defined at an earlier moment; for replays."""
    return fold(_definitions(tx, until=seconds(at)), _items(tx))


def _state(tx: Transaction) -> tuple[int, int]:
    count, last = driver_of(tx).execute("SELECT count(*), coalesce(max(entry_id), 0) FROM definition").fetchone()
    return int(count), int(last)


def _warm(tx: Transaction, state: tuple[int, int]) -> Catalogue | None:
    kept: tuple[tuple[int, int], Catalogue] | None = tx.warm.get("catalogue")
    return kept[1] if kept is not None and kept[0] == state else None


def _definitions(tx: Transaction, until: int | None = None) -> list[tuple[int, Definition]]:
    query = select(DefinitionRow.entry_id, DefinitionRow.kind, DefinitionRow.body).order_by(col(DefinitionRow.entry_id))
    if until is not None:
        query = query.where(DefinitionRow.at <= until)
    return [(number, _ADAPTERS[kind].validate_json(body)) for number, kind, body in tx.session.exec(query)]


def _items(tx: Transaction) -> dict[Item, int]:
    return {
        Item(row.scope, row.purpose, row.recipient, row.country): row.no for row in tx.session.exec(select(ItemRow))
    }
