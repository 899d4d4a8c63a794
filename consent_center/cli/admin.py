"""`accord admin site invite | approve | revoke`: who may connect, in three steps without a shared secret.

The coordinator's folder holds its authority, its certificate, and one signed request per approved site:

ca/ca.key ca/ca.crt     the authority that sites pin
server.key server.crt   of the coordinator's fleet API
sites/NAME.json         approved; NAME.revoked once it was revoked
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.errors import RuleError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.workflows.register_reviewer import show_reviewers
from federated.certificates import create_authority, issue_server
from federated.errors import MalformedError
from federated.keyfile import read_key
from federated.signed import Signed
from federated.site.joining import (
    Invitation,
    SiteRequest,
    fingerprint,
    read_request,
    sign_invitation,
    sign_package,
)
from privacy.keys import read_root_key

app = typer.Typer(help="What the programme does for its sites.", no_args_is_help=True, rich_markup_mode=None)
site = typer.Typer(help="Who may connect.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(site, name="site")
_out = Console(highlight=False, soft_wrap=True)

FolderOpt = Annotated[Path, typer.Option("--coordinator", help="The coordinator's folder.")]
_FOLDER = Path("var/coordinator")


class SiteAdminError(RuleError):
    """A site cannot be invited, approved or revoked like this; says what to do."""


@site.command()
def invite(
    name: Annotated[str, typer.Argument(help="The site's name, as plans and consents call it.")],
    address: Annotated[str, typer.Option(help="host:port under which sites reach the coordinator.")],
    out: Annotated[Path, typer.Option(help="Where the invitation goes.")],
    folder: FolderOpt = _FOLDER,
) -> None:
    """Write an invitation: the programme's key, the coordinator, and the reviewers whom the site should pin."""
    settings = Settings.read()
    if not (folder / "ca" / "ca.crt").exists():
        create_authority(folder / "ca", name="Accord sites", at=clock())
    if not (folder / "server.crt").exists():
        issue_server(folder / "ca", folder, hosts=[address.rpartition(":")[0]], at=clock())
    with Store.open(settings.database, keys=read_root_key(Path(settings.root_key))) as store:
        reviewers = tuple(one for one in store.read(show_reviewers) if not one.role.startswith("site:"))
    key = read_key(Path(settings.signing_key))
    authority = (folder / "ca" / "ca.crt").read_text(encoding="ascii")
    signed = sign_invitation(Invitation(name, key.public_key(), address, authority, reviewers), key)
    out.write_text(signed.to_text(), encoding="ascii")
    _out.print(f"Send {out} to {name}, and read out over the telephone: {fingerprint(signed)}")


@site.command()
def approve(
    request: Annotated[Path, typer.Argument(help="The request that the site sent.")],
    confirm: Annotated[str, typer.Option(help="The request's digits, as the site read them out.")],
    out: Annotated[Path, typer.Option(help="Where the package for the site goes.")],
    folder: FolderOpt = _FOLDER,
) -> None:
    """Let a site connect, after comparing its digits, and write the package that it accepts."""
    try:
        signed = Signed.from_text(request.read_bytes())
    except (OSError, MalformedError) as error:
        raise SiteAdminError(f"{request} is not a site's request; ask for it again") from error
    if fingerprint(signed).replace(" ", "") != confirm.replace(" ", ""):
        raise SiteAdminError(f"this request's digits are {fingerprint(signed)}: not those you were told; refuse it")
    asked = read_request(signed)
    approved = folder / "sites" / f"{_file_name(asked.site)}.json"
    if approved.exists() and approved.read_bytes() != signed.to_text().encode("ascii"):
        raise SiteAdminError(f"{asked.site} is approved with other keys; revoke those first")
    approved.parent.mkdir(parents=True, exist_ok=True)
    approved.write_text(signed.to_text(), encoding="ascii")
    peers = {one.site: one.speak for one in approved_sites(folder)}
    out.write_text(
        sign_package(asked.site, peers, read_key(Path(Settings.read().signing_key))).to_text(), encoding="ascii"
    )
    _out.print(f"{asked.site} may connect. Send it {out}; sites approved earlier need their package again for its key.")


@site.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The site's name.")],
    folder: FolderOpt = _FOLDER,
) -> None:
    """Let a site connect no more, from the next start of a run."""
    approved = folder / "sites" / f"{_file_name(name)}.json"
    if not approved.exists():
        raise SiteAdminError(f"no approved site is called {name}")
    approved.replace(approved.with_suffix(".revoked"))
    _out.print(f"{name} may not connect any more.")


def approved_sites(folder: Path) -> list[SiteRequest]:
    """The sites that may connect, by name."""
    files = sorted((folder / "sites").glob("*.json"))
    return [read_request(Signed.from_text(file.read_bytes())) for file in files]


def _file_name(name: str) -> str:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise SiteAdminError(f"{name!r} is no name of a site: letters, digits, - and _ only")
    return name
