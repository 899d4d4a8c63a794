"""Bring a database to this release, and tell whether it is there.

python -m consent_center.storage.migrate postgresql://...          brings it there
python -m consent_center.storage.migrate URL --new "what changes"  writes the next step, for developers
"""

import sys
from importlib.resources import files
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import SQLModel

from consent_center.errors import StorageError
from consent_center.storage import schema


def upgrade(url: str) -> None:
    """Take every step that this database has not taken yet, each in a transaction of its own.

    Raises:
        StorageError: it cannot be reached, or a step failed; the steps before it stand.
    """
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            command.upgrade(_config(connection), "head")
            connection.commit()
    except SQLAlchemyError as error:
        raise StorageError(
            f"the migration failed ({type(error).__name__}): restore or repair, then run it again"
        ) from error
    finally:
        engine.dispose()


def is_current(url: str) -> bool:
    """Has this database taken every step?"""
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            taken = MigrationContext.configure(connection).get_current_heads()
            known = ScriptDirectory.from_config(_config(connection)).get_heads()
            return set(taken) == set(known)
    except SQLAlchemyError as error:
        raise StorageError("the database cannot be opened: check its address") from error
    finally:
        engine.dispose()


def differences(url: str) -> list[object]:
    """What this database has otherwise than the storage modules define; empty if nothing."""
    schema.load()
    engine = _engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            return list(compare_metadata(context, SQLModel.metadata))
    finally:
        engine.dispose()


def write_step(url: str, message: str) -> None:
    """Write the next step into the source tree, from the difference between this database and the modules."""
    engine = _engine(url)
    with engine.connect() as connection:
        command.upgrade(_config(connection), "head")
        connection.commit()
        command.revision(_config(connection), message, autogenerate=True, rev_id=_next_number(connection))
    engine.dispose()


def _next_number(connection: Connection) -> str:
    heads = ScriptDirectory.from_config(_config(connection)).get_heads()
    return f"{1 + max((int(head) for head in heads), default=0):04d}"


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(str(files("consent_center.storage.migrations")))))
    config.attributes["connection"] = connection
    return config


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, hide_parameters=True)


def main(arguments: list[str]) -> int:
    """The command line of this module."""
    match arguments:
        case [url]:
            upgrade(url)
        case [url, "--new", message]:
            write_step(url, message)
        case _:
            sys.stderr.write(f"{__doc__}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
