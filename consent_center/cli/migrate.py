"""`accord migrate`: bring the database to this release, or say whether it is there."""

from typing import Annotated

import typer
from rich.console import Console

from consent_center.settings import Settings
from consent_center.storage.migrate import is_current, upgrade

_out = Console(highlight=False, soft_wrap=True)


def migrate(
    *, check: Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 if steps are missing.")] = False
) -> None:
    """Bring the database to this release, or say whether it is there.

    Each step is a transaction of its own: after a break, run it again. A database that is there stays as it is.
    """
    settings = Settings.read()
    if check:
        there = is_current(settings.database)
        _out.print("The database is of this release." if there else "The database needs steps: run accord migrate.")
        if not there:
            raise typer.Exit(1)
        return
    upgrade(settings.database)
    _out.print("The database is of this release.")
