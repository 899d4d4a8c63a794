"""An override of a release is kept as its reviewer signed it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so. Overrides that nobody signed let no model through from now on: sign them anew."""
    with op.batch_alter_table("release") as batch:
        batch.add_column(sa.Column("document", sa.String(), nullable=True))
        batch.add_column(sa.Column("public_key", sa.String(), nullable=True))


def downgrade() -> None:
    """There is no way back: restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
