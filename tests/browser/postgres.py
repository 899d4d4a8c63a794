"""A fresh PostgreSQL database for the pages: of the server that is named, else of one of our own."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest


@contextlib.contextmanager
def fresh_database() -> Iterator[str]:
    """Its address."""
    folder = Path(tempfile.mkdtemp(prefix="accord-pg-"))  # not pytest's: the server may run as another user
    server = None
    named = os.environ.get("ACCORD_TEST_POSTGRES")  # noqa: TID251 - a test has no settings to ask
    if not named:
        server = pytest.importorskip("pgserver").get_server(folder, cleanup_mode="stop")
        named = server.get_uri()
    name = f"pages_{secrets.token_hex(6)}"
    with psycopg.connect(named, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    start, _, query = named.partition("?")
    yield start.rsplit("/", 1)[0] + f"/{name}" + (f"?{query}" if query else "")
    if server is not None:
        server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)
