"""What Alembic runs: the steps, on the connection that `storage.migrate` hands it."""

from alembic import context
from sqlalchemy import inspect
from sqlmodel import SQLModel

from consent_center.storage import schema

schema.load()
connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=SQLModel.metadata,
    compare_type=True,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
    # What tables bring beyond columns (sequences, triggers, defaults of one database) is listened for, not written in
    # steps; each of these statements says IF NOT EXISTS.
    there = set(inspect(connection).get_table_names())
    for table in [one for one in SQLModel.metadata.sorted_tables if one.name in there]:
        table.dispatch.after_create(table, connection)
