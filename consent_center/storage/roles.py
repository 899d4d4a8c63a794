"""Who may do what on PostgreSQL: the application only ever inserts what the log rests on.

    application   reads, inserts; changes only what is not append-only; places nothing in the log
    sequencer     reads; places entries and folds them
    eraser        what the application may, and deletes what is held about a member

Logins are made members of exactly one of them. SQLite has no roles; there triggers refuse to change an entry or its
place (see `entries`).
"""

import re

from sqlalchemy import text

from consent_center.errors import SettingsError
from consent_center.storage.erasure import rights_needed
from consent_center.storage.transaction import Transaction

APPEND_ONLY = (
    "entry",
    "leaf",
    "log_head",
    "payload",
    "statement",
    "statement_item",
    "switch",
    "offer_limit",
    "delegation",
    "delegation_end",
    "right_request",
    "right_step",
    "member",
    "member_key",
    "charge",
    "run",
    "round",
    "outcome",
)
"""Tables that the application may read and insert into, and never change."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)


def grant(tx: Transaction, *, application: str, sequencer: str, eraser: str) -> None:
    """Give three existing roles what they need and nothing else; run as the owner of the tables, after a migration.

    Raises:
        SettingsError: not PostgreSQL, or a name that is not one.
    """
    if tx.dialect != "postgresql":
        raise SettingsError("roles are a matter of PostgreSQL: SQLite has one writer, and triggers instead")
    for name in (application, sequencer, eraser):
        if not _NAME.fullmatch(name):
            raise SettingsError("a role's name is lower case letters, digits and _, at most 63")
    schema = tx.session.connection().execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    every, kept = f"ALL TABLES IN SCHEMA {schema}", ", ".join(f'"{table}"' for table in APPEND_ONLY)
    for role in (application, sequencer, eraser):
        _do(tx, f"REVOKE ALL ON {every} FROM {role}", f"GRANT USAGE ON SCHEMA {schema} TO {role}")
        _do(tx, f"GRANT SELECT ON {every} TO {role}", f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}")
    for role in (application, eraser):
        _do(
            tx,
            f"GRANT INSERT, UPDATE, DELETE ON {every} TO {role}",
            f"REVOKE UPDATE, DELETE ON {kept} FROM {role}",
            f"REVOKE INSERT ON leaf, log_head FROM {role}",
        )
    _do(tx, f"GRANT INSERT ON leaf TO {sequencer}", f"GRANT INSERT, UPDATE ON log_head TO {sequencer}")
    for table, rights in rights_needed().items():
        _do(tx, f"GRANT {rights} ON {table} TO {eraser}")
    _do(tx, f"GRANT UPDATE ON member_key TO {eraser}")  # rotation rewraps


def _do(tx: Transaction, *statements: str) -> None:
    for statement in statements:
        tx.session.connection().exec_driver_sql(statement)
