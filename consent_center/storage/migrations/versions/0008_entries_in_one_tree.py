"""On SQLite an entry and its payload are found by the row's own number: three trees less to write in each commit."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so. The tables are written anew; what refuses to change them comes back at the end of the migration."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.drop_index("entry_txid", table_name="entry")
    for table, column in (("entry", "id"), ("payload", "entry_id")):
        with op.batch_alter_table(table, recreate="always") as batch:
            batch.alter_column(column, existing_type=sa.BigInteger(), type_=sa.Integer(), existing_nullable=False)
    op.create_index("entry_txid", "entry", ["txid", "id"], sqlite_where=sa.text("txid IS NOT NULL"))


def downgrade() -> None:
    """There is no way back: entries are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
