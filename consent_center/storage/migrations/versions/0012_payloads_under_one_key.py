"""A payload is found under one key, member and entry: an index less to write with every entry."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_index("ix_payload_member_no", table_name="payload")
        op.drop_constraint("payload_pkey", "payload", type_="primary")
        op.create_primary_key("payload_pkey", "payload", ["member_no", "entry_id"])
        return
    op.rename_table("payload", "payload_before")
    op.create_table(
        "payload",
        sa.Column("member_no", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entry_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("member_no", "entry_id"),
    )
    op.execute("INSERT INTO payload SELECT member_no, entry_id, sealed FROM payload_before ORDER BY entry_id")
    op.drop_table("payload_before")


def downgrade() -> None:
    """There is no way back: payloads are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
