"""Open tasks are found without looking at all that ever were."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.drop_index("ix_task_next_at", table_name="task")
    op.create_index("task_open", "task", ["outcome", "next_at"])


def downgrade() -> None:
    """Undo it."""
    op.drop_index("task_open", table_name="task")
    op.create_index("ix_task_next_at", "task", ["next_at"])
