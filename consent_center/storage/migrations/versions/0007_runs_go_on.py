"""A settled round keeps what it takes to go on after it, and whom its statements removed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so. A run that was under way has no checkpoints: it cannot be resumed and is started anew."""
    with op.batch_alter_table("round") as batch:
        batch.add_column(sa.Column("removed", sa.String(), nullable=False, server_default="{}"))
        batch.add_column(sa.Column("checkpoint", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    with op.batch_alter_table("round") as batch:
        batch.alter_column("removed", existing_type=sa.String(), server_default=None)
        batch.alter_column("checkpoint", existing_type=sa.LargeBinary(), server_default=None)


def downgrade() -> None:
    """There is no way back: restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
