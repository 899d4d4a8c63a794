"""A place in the log has no foreign key any more: the key cost as much as the placing. See `entries.LeafRow`."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so. What refuses to change a place on SQLite comes back at the end of the migration."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("leaf_entry_id_fkey", "leaf", type_="foreignkey")
        return
    kept = sa.Table(
        "leaf",
        sa.MetaData(),
        sa.Column("leaf_index", sa.Integer(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False, unique=True),
    )
    with op.batch_alter_table("leaf", copy_from=kept, recreate="always"):
        pass


def downgrade() -> None:
    """There is no way back: entries are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
