"""`accord token issue | list | revoke`: what machines sign in with at `/v1`."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.cli.audit_store import open_store
from consent_center.cli.writing import write_for_owner
from consent_center.settings import clock
from consent_center.workflows.machine_tokens import TokenScope, issue_token, revoke_token, show_tokens

app = typer.Typer(help="Tokens with which machines use the API.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)


@app.command()
def issue(
    scope: Annotated[list[TokenScope], typer.Option(help="What it may do; again for another.")],
    site: Annotated[str, typer.Option(help="The recipient it belongs to; none for the programme's own machines.")] = "",
    days: Annotated[int, typer.Option(min=1, max=366, help="For how many days it holds.")] = 90,
    out: Annotated[Path | None, typer.Option(help="A new file for the secret, instead of printing it.")] = None,
) -> None:
    """Make a token and show its secret, once: the database keeps only a hash."""
    with open_store() as store:
        at = clock()
        token, secret = store.run(issue_token, scope, site=site, expires_at=at + timedelta(days=days), at=at)
    whose = f"for {token.site}" if token.site else "for the programme"
    said = f"Token {token.id} {whose}, until {token.expires_at:%Y-%m-%d}."
    if out is not None:
        write_for_owner(out, secret + "\n")
        _out.print(f"{said} Its secret is in {out}, and nowhere else.")
        return
    _out.print(f"{said} Its secret, shown only now:")
    _out.print(secret, markup=False)


@app.command("list")
def list_tokens() -> None:
    """Every token with its scopes and end; never a secret."""
    with open_store() as store:
        known, at = store.read(show_tokens), clock()
    for one in known:
        state = "taken back" if one.revoked else "ended" if one.expires_at <= at else f"until {one.expires_at:%Y-%m-%d}"
        _out.print(f"{one.id}  {one.site or 'programme':<20} {state:<16} {' '.join(sorted(one.scopes))}", markup=False)


@app.command()
def revoke(token: Annotated[str, typer.Argument(help="Its identifier, as `accord token list` shows it.")]) -> None:
    """Take a token back: within two seconds no request with it is answered any more."""
    with open_store() as store:
        store.run(revoke_token, token, at=clock())
    _out.print(f"Token {token} is taken back.", markup=False)
