"""A token that drives runs is for one study, and then for the one run that it admitted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so. Tokens that could drive any run drive none from now on: start runs anew."""
    with op.batch_alter_table("machine_token") as batch:
        batch.add_column(sa.Column("study", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("run", sa.String(), nullable=False, server_default=""))
    with op.batch_alter_table("machine_token") as batch:
        batch.alter_column("study", existing_type=sa.String(), server_default=None)
        batch.alter_column("run", existing_type=sa.String(), server_default=None)


def downgrade() -> None:
    """There is no way back: restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
