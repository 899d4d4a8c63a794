"""Lists of link tokens, and who is on them."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    op.create_table(
        "link_list",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("helper", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("epoch", sa.String(), nullable=False),
        sa.Column("holder_header", sa.String(), nullable=False),
        sa.Column("holder_body", sa.LargeBinary(), nullable=False),
        sa.Column("helper_header", sa.String(), nullable=False),
        sa.Column("helper_body", sa.LargeBinary(), nullable=False),
        sa.Column("entry_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"]),
        sa.PrimaryKeyConstraint("run", "holder", "helper"),
        sa.UniqueConstraint("entry_id"),
    )
    op.create_table(
        "link_member",
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("helper", sa.String(), nullable=False),
        sa.Column("member_no", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run", "holder", "helper", "member_no"),
    )
    op.create_index("ix_link_member_member_no", "link_member", ["member_no"])


def downgrade() -> None:
    """There is no way back: what was issued stays. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
