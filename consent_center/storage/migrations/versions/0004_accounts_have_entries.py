"""An account names the entry that says it was opened; those opened before this step get theirs now."""

import os
from datetime import UTC, datetime
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from consent_center.events import Event, leaf_of

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make it so."""
    with op.batch_alter_table("account") as batch:
        batch.add_column(sa.Column("entry_id", sa.BigInteger(), nullable=True))
    _open_again()
    with op.batch_alter_table("account") as batch:
        batch.alter_column("entry_id", existing_type=sa.BigInteger(), nullable=False)
        batch.create_unique_constraint("account_entry_id_key", ["entry_id"])
        batch.create_foreign_key("account_entry_id_fkey", "entry", ["entry_id"], ["id"])


def _open_again() -> None:
    """Write the missing entries. On PostgreSQL the sequencer gives them their place, on SQLite the writer does."""
    bind, at = op.get_bind(), datetime.now(UTC).replace(microsecond=0)  # noqa: TID251 - a step of migration has no caller
    number = (
        "nextval('entry_id_seq')"
        if bind.dialect.name == "postgresql"
        else "(SELECT coalesce(max(id), 0) + 1 FROM entry)"
    )
    accounts = bind.execute(sa.text("SELECT name, limit_gaussian, limit_pure FROM account ORDER BY name")).all()
    for name, gaussian, pure in accounts:
        opened = Event.of("account.opened", public={"account": name, "budget_gaussian": gaussian, "budget_pure": pure})
        leaf = leaf_of(opened, at=at, entry=UUID(bytes=os.urandom(16)), committed=None, tag=None)
        add = f"INSERT INTO entry (id, leaf, at, about_member) VALUES ({number}, :leaf, :at, :no) RETURNING id"
        values = {"leaf": leaf, "at": int(at.timestamp()), "no": False}
        entry = bind.execute(sa.text(add), values).scalar_one()
        if bind.dialect.name == "sqlite":
            bind.execute(
                sa.text("INSERT INTO leaf SELECT coalesce(max(leaf_index) + 1, 0), :entry FROM leaf"), {"entry": entry}
            )
        bind.execute(sa.text("UPDATE account SET entry_id = :entry WHERE name = :name"), {"entry": entry, "name": name})


def downgrade() -> None:
    """There is no way back: entries are never dropped. Restore the backup that was made before."""
    raise NotImplementedError("migrations go forward only: restore the backup instead")
