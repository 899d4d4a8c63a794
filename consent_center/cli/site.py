"""`accord site`: what a site does for itself, next to its own rows."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, cast

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from consent_center.clearing import StoreClearing
from consent_center.coordinator.operator import Operator, read_token
from consent_center.errors import RuleError
from consent_center.gate import StoreGate
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.topology.state import read_installation
from federated.gate import Gate
from federated.gate_http import HttpGate
from federated.keyfile import read_key
from federated.models.package import parse_package
from federated.site.coupons import refuse_coupon
from federated.site.crm import webhook
from federated.site.decided import write_decided
from federated.site.decisions import CouponReason, Kept
from federated.site.equipment import coordinator_of
from federated.site.folder import SiteFolder
from federated.site.offers import Deliver, read_brand, tell_members
from federated.site.policy import read_policy
from federated.site.scoring import Desk, open_desk, score_members
from federated.site.warned import effect_of_warnings
from privacy.keys import read_root_key

app = typer.Typer(help="What a site does for itself.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)

ModelArg = Annotated[Path, typer.Argument(help="The finished model's file, as the consent centre handed it out.")]
SiteOpt = Annotated[Path, typer.Option("--site", help="The site's folder.")]
StudyOpt = Annotated[str, typer.Option("--study", help="The approved study of this scoring.")]
HubOpt = Annotated[Path, typer.Option("--hub", help="The consent centre's folder, where both run on one machine.")]


class SiteFileError(RuleError):
    """A file or folder that is not there or cannot be read."""


@app.callback()
def site() -> None:
    """What a site does for itself."""


@app.command()
def score(
    model: ModelArg,
    site: SiteOpt,
    study: StudyOpt,
    hub: HubOpt = Path("var/hub"),
    address: Annotated[
        str, typer.Option("--at", help="The consent centre's address, https://..., if it is away.")
    ] = "",
    token_file: Annotated[Path, typer.Option(help="With --at: a file with a token of scope runs:start.")] = Path(
        "scoring.token"
    ),
) -> None:
    """Score the members whose verdict for offers is yes right now; go on where a killed run stood."""
    means = _means_over_https(site, address, study, token_file) if address else _means_here(site, hub)
    with means as (desk, gate):
        columns = [TextColumn("members scored"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("score", total=None)
            done = score_members(
                desk,
                gate,
                _bytes(model),
                study=study,
                progress=lambda scored, members: progress.update(task, completed=scored, total=members),
            )
    share = done.flagged / done.members if done.members else 0.0
    _out.print(
        f"{done.run}: {done.members} members scored, {done.flagged} flagged ({share:.1%}); "
        f"{done.removed} removed by a verdict of no, {done.without_row} without a row. "
        "Nothing but one noised histogram left the site."
    )


@app.command()
def tell(
    model: ModelArg,
    site: SiteOpt,
    study: StudyOpt,
    hub: HubOpt = Path("var/hub"),
    most: Annotated[int, typer.Option(min=1, help="Members at most in this call.")] = 10_000,
) -> None:
    """Decide about the scored members, have each decision cleared anew, and tell the brand's CRM by signed webhook."""
    package = parse_package(_bytes(model))
    brand = read_brand(site / "offers.toml")
    with _means(site, hub) as (desk, store, hub_folder), httpx.Client(timeout=10, trust_env=False) as client:
        deliver: Deliver = _keep
        if brand.webhook is not None:
            secret = _bytes(site / "keys" / "webhook.key").decode("ascii", "replace").strip()
            deliver = webhook(brand.webhook, secret=secret, client=client, clock=clock)
        clearing = StoreClearing(store, signer=read_key(hub_folder / "signing.key"), clock=clock)
        done = tell_members(desk, clearing, package, study=study, brand=brand, deliver=deliver, most=most)
    refused = ", ".join(f"{code} {number}" for code, number in sorted(done.refused.items())) or "none"
    _out.print(f"{done.told} decisions cleared and handed on; refused: {refused}.")


@app.command()
def coupon(
    pseudonym: Annotated[str, typer.Argument(help="The member's pseudonym at this site, hexadecimal.")],
    code: Annotated[str, typer.Argument(help="The coupon's code.")],
    site: SiteOpt,
    reason: Annotated[str, typer.Option(help="expired, already-used, minimum-not-reached or not-this-product.")],
    hub: HubOpt = Path("var/hub"),
) -> None:
    """Record that a coupon was refused at the till, with its true reason: the member finds it on her page."""
    try:
        member = bytes.fromhex(pseudonym)
    except ValueError as error:
        raise SiteFileError("a pseudonym is hexadecimal; take it from the site's own table") from error
    with _means(site, hub) as (desk, store, hub_folder):
        clearing = StoreClearing(store, signer=read_key(hub_folder / "signing.key"), clock=clock)
        made = refuse_coupon(desk, clearing, member, coupon=code, reason=cast(CouponReason, reason))
    _out.print(f"Recorded: {code} was refused ({reason}). The log holds {made[:12]} and nothing of the reason.")


@app.command()
def decided(
    site: SiteOpt,
    file: Annotated[Path, typer.Argument(help="The CSV file to write: member, decision, outcome.")],
    kind: Annotated[str, typer.Option(help="offer, recommendation or coupon-refused.")] = "offer",
) -> None:
    """Write whom decisions of this kind reached and what they said to it, to be audited: accord audit take."""
    with _desk(site) as desk:
        reached = write_decided(desk.store, file, kind=kind)
    _out.print(f"{reached} members were reached. The file is for this site alone; accord audit take counts it.")


@app.command("effect")
def effect_command(
    site: SiteOpt,
    study: StudyOpt,
    outcome: Annotated[str, typer.Option(help="The column of what came of it: 1 left, 0 stayed.")] = "label",
    hub: HubOpt = Path("var/hub"),
) -> int:
    """Say whether the warnings of a scoring did any good, against the random holdout; 1 if nobody can tell."""
    with _means(site, hub) as (desk, _, _):
        found = effect_of_warnings(desk, study=study, outcome=outcome, brand=read_brand(site / "offers.toml"))
    if found.difference is None or found.interval is None:
        _out.print(f"INSUFFICIENT: these arms would show a difference of {found.detectable:.3f} or more only.")
        return 1
    low, high = found.interval
    _out.print(
        f"{found.verdict}: warned minus holdout, share who left, {found.difference:+.3f}, 95 % interval {low:+.3f} to "
        f"{high:+.3f}."
    )
    return 0


def _keep(kept: Kept) -> None:
    """Without a CRM a decision is told when the member looks at her page."""


@contextmanager
def _means(site: Path, hub: Path) -> Iterator[tuple[Desk, Store, Path]]:
    """The site's desk, the consent centre's store on this machine, and the folder of its keys."""
    if (hub / "installation.toml").is_file():
        database, keys = read_installation(hub).place.database(), hub / "secrets"
        needed = [keys / "root.key", keys / "signing.key"]
    else:
        database, keys = f"sqlite:///{hub / 'accord.db'}", hub
        needed = [keys / "root.key", keys / "signing.key", hub / "accord.db"]
    if missing := [one for one in needed if not one.is_file()]:
        raise SiteFileError(f"{missing[0]} is not there: name the right --site and --hub")
    with _desk(site) as desk, Store.open(database, keys=read_root_key(keys / "root.key")) as store:
        yield desk, store, keys


@contextmanager
def _means_here(site: Path, hub: Path) -> Iterator[tuple[Desk, Gate]]:
    with _means(site, hub) as (desk, store, keys):
        signer = read_key(keys / "signing.key")
        yield desk, StoreGate(store, signer=signer, clock=clock, new_run=lambda: f"run-{secrets.token_hex(8)}")


@contextmanager
def _means_over_https(site: Path, address: str, study: str, token_file: Path) -> Iterator[tuple[Desk, Gate]]:
    folder = SiteFolder(site)
    _, authority = coordinator_of(folder)
    name = read_policy(folder.policy).name
    starting = Operator(address, "", authority, read_token(token_file))
    token, sites = starting.start(study)
    if sites != (name,):  # before anything is admitted, and so charged
        raise SiteFileError(f"{study} is no scoring of {name}'s members; name the study that was approved for it")
    gate = HttpGate(address, token=token, authority=authority)
    try:
        with _desk(site) as desk:
            yield desk, gate
    finally:
        gate.close()


@contextmanager
def _desk(site: Path) -> Iterator[Desk]:
    folder = SiteFolder(site)
    if missing := [one for one in (folder.policy, folder.database) if not one.is_file()]:
        raise SiteFileError(f"{missing[0]} is not there: name the right --site and --hub")
    desk = open_desk(folder, clock=clock, draw_nonce=lambda: secrets.token_hex(16))
    try:
        yield desk
    finally:
        desk.store.close()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SiteFileError(f"cannot read {path}: {error.strerror}") from error
