"""`accord privacy`: check the privacy claim of what ran.

accord privacy audit RUN    attack a run that was planned with canaries; exit code 1 if the attack contradicts the claim
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.settings import Settings
from consent_center.storage.transaction import Store
from consent_center.workflows.audit_privacy import audit_privacy
from federated.canaries import BLIND
from privacy.keys import read_root_key

app = typer.Typer(name="privacy", help="Check privacy claims.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)


@app.callback()
def privacy() -> None:
    """Check privacy claims."""


@app.command()
def audit(run: Annotated[str, typer.Argument(help="The run's name.")]) -> None:
    """Attack a finished run that was planned with canaries. Exit code 1: the attack contradicts the claim."""
    settings = Settings.read()
    ring = read_root_key(Path(settings.root_key))
    with Store.open(settings.database, keys=ring, create=not settings.production) as store:
        found = store.read(audit_privacy, run)
    for line in (*found.sentences, BLIND):
        _out.print(line, markup=False)
    if found.flagged:
        raise typer.Exit(1)
