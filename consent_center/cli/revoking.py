"""`accord admin revoke`: the programme ends what a member allows, and says why."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.errors import SettingsError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.workflows.revoke_consent import revoke_consent
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


def revoke(
    member: Annotated[str, typer.Argument(help="Her identifier in the programme, 32 hexadecimal digits.")],
    *,
    purpose: Annotated[str, typer.Option(help="Code of the purpose that ends for her.")],
    recipient: Annotated[str, typer.Option(help="Only this recipient's use; everybody's without it.")] = "",
    reason: Annotated[str, typer.Option(help="Why, as she reads it.")],
    by: Annotated[str, typer.Option(help="The account that decides it; its role is compliance.")],
) -> None:
    """End what a member allows for a purpose, as the programme; its recipients are told, and she reads why."""
    settings = Settings.read()
    if not settings.root_key:
        raise SettingsError("set ACCORD_ROOT_KEY and ACCORD_DATABASE, or: set -a; . var/up/admin.env; set +a")
    ring = read_root_key(Path(settings.root_key))
    with Store.open(settings.database, keys=ring, create=not settings.production) as store:
        made = store.run(
            revoke_consent, member, purpose=purpose, recipient=recipient, reason=reason, staff=by, at=clock()
        )
    for one in made:
        for item in one.statement.items:
            _out.print(f"ended  {item}", markup=False)
