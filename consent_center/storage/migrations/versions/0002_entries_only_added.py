"""Entries get their numbers and transactions from PostgreSQL, and are never changed on SQLite."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("CREATE SEQUENCE IF NOT EXISTS entry_id_seq")
        op.execute("ALTER TABLE entry ALTER COLUMN txid SET DEFAULT (pg_current_xact_id()::text::bigint)")
        return
    for table in ("entry", "leaf"):
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{change.lower()} BEFORE {change} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'the log is only ever added to'); END"
            )


def downgrade() -> None:
    """There is no way back: entries are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
