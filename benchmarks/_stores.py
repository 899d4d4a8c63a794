"""Databases for benchmarks: a private PostgreSQL, and programmes in fresh stores."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg

from consent_center.consent.notice import LANGUAGES, Notice, NoticeText, choices_digest
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Recipient, RecipientKind
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.storage.transaction import Store
from consent_center.workflows.define import define
from consent_center.workflows.enrol_member import enrol_members
from consent_center.workflows.publish_notice import publish_notice
from consent_center.workflows.register_member import register_members

NOW = datetime(2026, 11, 21, 9, 30, 15, tzinfo=UTC)
ITEM = Item("purchases", "churn-model", "sales", "TW")
_TEXT = NoticeText(*(["We use what you buy to keep the programme useful"] * 12))
NOTICE = Notice(
    "core", 1, (ITEM,), tuple((language, _TEXT) for language in LANGUAGES), NOW - timedelta(days=1), material=True
)
ANSWERED = {"notice": "core", "version": 1, "language": "en", "choices": choices_digest(NOTICE, "en", (ITEM,))}


@contextmanager
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that syncs every commit; started if none is named."""
    if named := os.environ.get("ACCORD_TEST_POSTGRES"):  # noqa: TID251 - a benchmark has no settings to ask
        yield named
        return
    import pgserver

    server = pgserver.get_server(tempfile.mkdtemp(prefix="accord-bench-"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def new_database(server: str) -> str:
    """The address of a fresh database on this server."""
    name = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    start, _, query = server.partition("?")
    return start.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")


def found(store: Store, *, members: int) -> list[str]:
    """Found a programme with so many members; returns their identifiers."""
    at = NOW - timedelta(days=1)
    scope = Scope("purchases", ("basket",), ScopeClass.ORDINARY, Provenance.OBSERVED)
    purpose = Purpose("churn-model", ("purchases",), trains_models=True)
    sales = Recipient("sales", "Sales", RecipientKind.DEPARTMENT, "TW", "sales@example.org")
    store.run(define, (scope, purpose, sales), at=at)
    store.run(publish_notice, NOTICE, at=at)
    joined = store.run(register_members, [None] * members, at=at)
    store.run(enrol_members, joined, "sales", at=at)
    return joined
