"""A held notice is kept as it would be published, so that a reviewer reads it and exactly it is published."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    with op.batch_alter_table("notice_review") as batch:
        batch.add_column(sa.Column("body", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """There is no way back: what was reviewed stays. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
