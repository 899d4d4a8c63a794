"""`accord staff`: the first accounts, and sign-in without an identity provider in development."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.studies.errors import StaffError
from consent_center.studies.person import Person
from consent_center.studies.roles import Role
from consent_center.web.tokens import fingerprint, new_secret
from consent_center.workflows.staff_accounts import end_stand_in, keep_person, show_staff, stand_in
from consent_center.workflows.staff_sign_in import hand_out_staff_link, know_identity
from privacy.keys import read_root_key

app = typer.Typer(help="Who works at the console.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)
AccountArg = Annotated[str, typer.Argument(help="The account: lower-case letters, digits, hyphens.")]


@app.command()
def add(
    account: AccountArg,
    name: Annotated[str, typer.Option(help="Her name.")],
    role: Annotated[list[Role], typer.Option(help="A role; again for another.")],
    organisation: Annotated[str, typer.Option(help="Whose she is.")] = "programme",
    site: Annotated[str, typer.Option(help="Of a site operator.")] = "",
    ends: Annotated[str, typer.Option(help="Her last day, 2027-03-31; an external auditor needs one.")] = "",
    by: Annotated[str, typer.Option(help="The administrator who does it; none for the very first account.")] = "",
) -> None:
    """Make an account, or change it."""
    try:
        until = datetime.strptime(ends, "%Y-%m-%d").replace(tzinfo=UTC) if ends else None
    except ValueError as error:
        raise StaffError("a date is written 2027-03-31") from error
    person = Person(account, name, organisation, frozenset(role), site, until)
    with _store() as (store, _):
        store.run(keep_person, person, by=by, at=clock())
    _out.print(f"Kept {account}: {', '.join(sorted(role))}", markup=False)


@app.command()
def link(account: AccountArg) -> None:
    """Print a one-time link that signs somebody in; only in development."""
    with _store() as (store, settings):
        if settings.production:
            raise StaffError("in production the staff signs in through the identity provider: set staff_oidc")
        secret = new_secret()
        store.run(hand_out_staff_link, link=fingerprint(secret), person=account, at=clock())
    _out.print(f"{settings.public_url}/console/sign-in/link/{secret}", markup=False)
    _out.print("It works once, for ten minutes.", markup=False)


@app.command()
def know(
    account: AccountArg,
    issuer: Annotated[str, typer.Option(help="The identity provider, exactly as it names itself.")],
    subject: Annotated[str, typer.Option(help="What it calls her.")],
) -> None:
    """From now on this subject of the identity provider signs in as this account."""
    with _store() as (store, _):
        store.run(know_identity, issuer=issuer, subject=subject, person=account, at=clock())
    _out.print(f"{account} signs in through {issuer}", markup=False)


@app.command()
def lend(
    reviewer: AccountArg,
    to: Annotated[str, typer.Option(help="Who answers in her role meanwhile.")],
    days: Annotated[int, typer.Option(min=1, max=60, help="For how long.")] = 7,
) -> None:
    """Let somebody answer in a reviewer's role while she is away."""
    at = clock()
    with _store() as (store, _):
        given = store.run(stand_in, reviewer=reviewer, stand_in=to, ends=at + timedelta(days=days), at=at)
    _out.print(f"{to} answers as {given.role} for {reviewer} until {given.ends:%Y-%m-%d %H:%M} UTC", markup=False)


@app.command()
def unlend(
    reviewer: AccountArg,
    to: Annotated[str, typer.Option(help="Who answers in her role meanwhile.")],
    by: Annotated[str, typer.Option(help="Who ends it, if not the reviewer: the stand-in or an administrator.")] = "",
) -> None:
    """End a stand-in before its last day; answers given meanwhile keep counting."""
    at = clock()
    with _store() as (store, _):
        _, lent = store.read(show_staff, at=at)
        number = next((one.number for one in lent if (one.reviewer, one.stand_in) == (reviewer, to)), 0)
        store.run(end_stand_in, number, by=by or reviewer, at=at)
    _out.print(f"{to} no longer answers for {reviewer}", markup=False)


@app.command("list")
def list_staff() -> None:
    """Everybody, with roles and last day, and who stands in for whom."""
    with _store() as (store, _):
        everybody, lent = store.read(show_staff, at=clock())
    for one in everybody:
        until = f" until {one.ends_at:%Y-%m-%d}" if one.ends_at else ""
        _out.print(f"{one.id:<20} {one.name}: {', '.join(sorted(one.roles))}{until}", markup=False)
    if not everybody:
        _out.print("Nobody has an account yet: accord staff add", markup=False)
    for given in lent:
        told = f"{given.stand_in} answers as {given.role} for {given.reviewer} until {given.ends:%Y-%m-%d}"
        _out.print(told, markup=False)


@contextmanager
def _store() -> Iterator[tuple[Store, Settings]]:
    settings = Settings.read()
    ring = read_root_key(Path(settings.root_key))
    with Store.open(settings.database, keys=ring, create=not settings.production) as store:
        yield store, settings
