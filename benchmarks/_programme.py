"""A programme for the benchmarks of consent: 24 items, one notice, members at one site; and databases to put it in."""

import atexit
import contextlib
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from consent_center.consent.notice import LANGUAGES, Notice, NoticeText
from consent_center.consent.purpose import Purpose
from consent_center.consent.recipient import Recipient, RecipientKind
from consent_center.consent.scope import Item, Provenance, Scope, ScopeClass
from consent_center.storage.transaction import Store
from consent_center.workflows.define import define
from consent_center.workflows.publish_notice import publish_notice
from privacy.envelope import Key
from privacy.keys import KeyRing

NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = KeyRing((Key(7, bytes(range(32))),))
SCOPES = tuple(Scope(f"scope-{n}", ("a",), ScopeClass.ORDINARY, Provenance.OBSERVED) for n in range(4))
PURPOSES = tuple(Purpose(f"purpose-{n}", tuple(one.code for one in SCOPES), trains_models=n == 0) for n in range(3))
SITES = tuple(Recipient(f"site-{n}", f"Site {n}", RecipientKind.DEPARTMENT, "TW") for n in range(2))
ITEMS = tuple(
    Item(scope.code, purpose.code, site.code, "TW") for site in SITES for purpose in PURPOSES for scope in SCOPES
)
_TEXT = NoticeText(*["text"] * 10, necessity="text", impact="text")


def notice(at: datetime) -> Notice:
    """The only notice."""
    return Notice("core", 1, ITEMS, tuple((language, _TEXT) for language in LANGUAGES), at)


def found(store: Store, *, at: datetime) -> None:
    """Define everything."""
    store.run(define, (*SCOPES, *PURPOSES, *SITES), at=at)
    store.run(publish_notice, notice(at), at=at)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Address of a fresh PostgreSQL database, on the server named by ACCORD_TEST_POSTGRES or one started here."""
    import psycopg

    start = os.environ.get("ACCORD_TEST_POSTGRES")  # noqa: TID251 - a benchmark has no settings to ask
    if start is None:
        import pgserver

        server = pgserver.get_server(tempfile.mkdtemp(prefix="accord-pg-"), cleanup_mode="delete")
        atexit.register(server.cleanup)
        start = server.get_uri()
    name = f"bench_{secrets.token_hex(4)}"
    with psycopg.connect(start, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    address, _, query = start.partition("?")
    yield address.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    with psycopg.connect(start, autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
