"""`accord admin`: keys of an installation, who may connect (three steps, no shared secret), a member's rights.

accord admin keys FOLDER                      every certificate, key and password of an installation, each in its file
accord admin site invite | approve | revoke | list | members
accord admin right list | show | answer | refuse | extend | site-done
accord admin revoke MEMBER --purpose CODE     what she allows ends, with a reason that she reads
accord admin erase MEMBER                     a member, for good
accord admin rotate | rewrap --keep-days N    wrapping keys, so that erasure reaches backups
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from rich.console import Console

from consent_center.cli import rights
from consent_center.cli.erasure import erase, rewrap, rotate
from consent_center.cli.revoking import revoke
from consent_center.cli.writing import write_for_owner
from consent_center.coordinator.registry import approved_sites
from consent_center.errors import RuleError
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.studies.schema import SiteSchema, shared
from consent_center.topology.secrets import make_secrets
from consent_center.workflows.admit_site import approve_site, hand_out_enrolments, invite_site, revoke_site
from consent_center.workflows.plan_study import show_schemas
from consent_center.workflows.register_reviewer import show_reviewers
from federated.errors import MalformedError
from federated.keyfile import read_key
from federated.signed import Signed
from federated.site.columns import EXAMPLE, Columns
from federated.site.joining import (
    Invitation,
    fingerprint,
    read_request,
    sign_invitation,
    sign_package,
)
from privacy.keys import read_root_key

app = typer.Typer(
    help="What the programme's administrators do for its sites.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
site = typer.Typer(help="Who may connect.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(site, name="site")
app.add_typer(rights.app, name="right")
for _command in (revoke, erase, rotate, rewrap):
    app.command()(_command)
_out = Console(highlight=False, soft_wrap=True)

RegistryOpt = Annotated[
    Path, typer.Option(envvar="ACCORD_REGISTRY", help="The coordinator's folder of approved sites.")
]
_REGISTRY = Path("var/up/shared/registry")
_AUTHORITY = Path("var/up/secrets/ca.crt")


class SiteAdminError(RuleError):
    """A site cannot be invited, approved or revoked like this; says what to do."""


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="A new folder for them.")],
    host: Annotated[
        list[str] | None, typer.Option(help="A name or address under which others reach it; may be repeated.")
    ] = None,
) -> None:
    """Make every certificate, key and password of an installation, each in a file that only you can read."""
    made = make_secrets(folder, hosts=tuple(host or ()), at=clock())
    _out.print(f"{len(made)} files in {folder}. {folder / 'authority'} signs certificates: keep it off these machines.")
    _out.print(f"Then fill in {folder / 'programme.yaml'}: who the programme is, its mail server, its log.")


@site.command()
def invite(
    name: Annotated[str, typer.Argument(help="The site's name, as plans and consents call it.")],
    address: Annotated[str, typer.Option(help="host:port under which sites reach the coordinator.")],
    out: Annotated[Path, typer.Option(help="Where the invitation goes.")],
    authority: Annotated[
        Path, typer.Option(envvar="ACCORD_AUTHORITY", help="Certificate of the authority that sites pin.")
    ] = _AUTHORITY,
) -> None:
    """Write an invitation: the programme's key, the coordinator, and the reviewers whom the site should pin."""
    _file_name(name)
    _host_and_port(address)
    vouching = _read(authority)
    key = _signing_key()
    with _store() as store:
        reviewers = tuple(one for one in store.read(show_reviewers) if not one.role.startswith("site:"))
        columns = _columns(store.read(show_schemas))
        signed = sign_invitation(Invitation(name, key.public_key(), address, vouching, reviewers, columns), key)
        store.run(invite_site, name, signed, at=clock())
    out.write_text(signed.to_text(), encoding="ascii")
    _out.print(f"Send {out} to {name}, and read out over the telephone: {fingerprint(signed)}")


@site.command()
def approve(
    request: Annotated[Path, typer.Argument(help="The request that the site sent.")],
    confirm: Annotated[str, typer.Option(help="The request's digits, as the site read them out.")],
    out: Annotated[Path, typer.Option(help="Where the package for the site goes.")],
    registry: RegistryOpt = _REGISTRY,
) -> None:
    """Let a site connect and answer studies, after comparing its digits, and write the package that it accepts."""
    try:
        signed = Signed.from_text(request.read_bytes())
    except (OSError, MalformedError) as error:
        raise SiteAdminError(f"{request} is not a site's request; ask for it again") from error
    if fingerprint(signed).replace(" ", "") != confirm.replace(" ", ""):
        raise SiteAdminError(f"this request's digits are {fingerprint(signed)}: not those you were told; refuse it")
    asked = read_request(signed)
    approved = registry / f"{_file_name(asked.site)}.json"
    if approved.exists() and approved.read_bytes() != signed.to_text().encode("ascii"):
        raise SiteAdminError(f"{asked.site} is approved with other keys; revoke those first")
    key = _signing_key()
    with _store() as store:
        store.run(approve_site, asked, signed, at=clock())
    registry.mkdir(parents=True, exist_ok=True)
    draft = approved.with_suffix(".draft")
    draft.write_text(signed.to_text(), encoding="ascii")
    draft.replace(approved)
    peers = {name: one.speak for name, one in approved_sites(registry).items()}
    out.write_text(sign_package(asked.site, peers, key).to_text(), encoding="ascii")
    _out.print(f"{asked.site} may connect. Send it {out}; sites approved earlier need theirs again: approve them anew.")


@site.command("revoke")
def revoke_one(
    name: Annotated[str, typer.Argument(help="The site's name.")],
    registry: RegistryOpt = _REGISTRY,
) -> None:
    """Let a site connect no more; the coordinator turns it away within a second."""
    approved = registry / f"{_file_name(name)}.json"
    if not approved.exists():
        raise SiteAdminError(f"no approved site is called {name}")
    approved.replace(approved.with_suffix(".revoked"))
    with _store() as store:
        store.run(revoke_site, name, at=clock())
    _out.print(f"{name} may not connect any more.")


@site.command("list")
def list_all(registry: RegistryOpt = _REGISTRY) -> None:
    """Which sites may connect."""
    approved = approved_sites(registry)
    for name, one in approved.items():
        _out.print(f"{name:<24} {one.organisation}", markup=False)
    _out.print(f"{len(approved)} sites may connect.")


@site.command()
def members(
    name: Annotated[str, typer.Argument(help="The site's name.")],
    out: Annotated[Path, typer.Option(help="A new file for the list; hand it over on a safe way, and delete it.")],
) -> None:
    """Write the list of members who linked their account at a site: pseudonym,cohort_key, for this site alone."""
    with _store() as store:
        found = store.run(hand_out_enrolments, _file_name(name), at=clock())
    lines = ["pseudonym,cohort_key", *(f"{pseudonym.hex()},{key.hex()}" for pseudonym, key in found)]
    write_for_owner(out, "\n".join(lines) + "\n")
    _out.print(f"{len(found)} members of {name} in {out}. Whoever has it can read their cohorts: nobody but {name}.")


@contextmanager
def _store() -> Iterator[Store]:
    settings = Settings.read()
    if not settings.root_key:
        raise SiteAdminError("set ACCORD_ROOT_KEY and ACCORD_DATABASE, or: set -a; . var/up/admin.env; set +a")
    with Store.open(
        settings.database, keys=read_root_key(Path(settings.root_key)), create=not settings.production
    ) as store:
        yield store


def _columns(schemas: Mapping[str, SiteSchema]) -> Columns:
    """What all sites so far offer to plans; an example if none has said."""
    known = shared(schemas, [*schemas])
    return EXAMPLE if known is None else Columns(known.features, known.labels, known.attributes)


def _signing_key() -> Ed25519PrivateKey:
    return read_key(Path(Settings.read().signing_key))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteAdminError(f"cannot read {path}: name the authority's certificate, ca.crt") from error


def _host_and_port(address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SiteAdminError(f"{address!r} is no host:port, such as hub.example.org:8800")


def _file_name(name: str) -> str:
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        raise SiteAdminError(f"{name!r} is no name of a site: letters, digits, - and _ only")
    return name
