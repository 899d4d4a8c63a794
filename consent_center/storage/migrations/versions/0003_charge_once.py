"""A charge counts once by an index of the database's own, which also serves the two that it replaces."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.create_index("charge_once", "charge", ["account", "id"], unique=True)
    op.drop_index("ix_charge_account", table_name="charge")
    op.drop_index("ix_charge_id", table_name="charge")


def downgrade() -> None:
    """There is no way back: charges are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
