"""`accord run start STUDY --watch`: the coordinator of one run, in its own process, over approved sites."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.cli.admin import approved_sites
from consent_center.errors import RuleError
from federated.certificates import read_public_pem
from federated.flower.deployment import run_deployed, wait_for
from federated.flower.fleet import FleetLink, Listening
from federated.flower.internals import public_key_to_bytes
from federated.gate import RoundReport
from federated.gate_http import HttpGate

app = typer.Typer(help="Drive runs of approved studies.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)
OWNER_ONLY = 0o077


class TokenFileError(RuleError):
    """The file with the machine token cannot be used; says why."""


class NotApprovedError(RuleError):
    """A site of the study may not connect; says which."""


@app.callback()
def runs() -> None:
    """Drive runs of approved studies."""


@app.command()
def start(
    study: Annotated[str, typer.Argument(help="The approved study.")],
    hub: Annotated[str, typer.Option(help="Address of the consent centre, https://...")],
    token_file: Annotated[Path, typer.Option(help="File with a token of scope runs:drive, for your eyes only.")],
    sites: Annotated[list[str], typer.Option("--site", help="A site that the study names; once for each.")],
    address: Annotated[str, typer.Option(help="host:port to listen on for sites.")] = "127.0.0.1:8800",
    folder: Annotated[Path, typer.Option("--coordinator", help="The coordinator's folder.")] = Path("var/coordinator"),
    wait_s: Annotated[float, typer.Option(min=0, help="How long to wait for the sites to connect.")] = 30.0,
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Say each round as it is settled.")] = False,
) -> None:
    """Wait for the study's sites, drive the run, and say how it ended."""
    host, _, port = address.rpartition(":")
    token = _token(token_file)
    gate = HttpGate(hub, token=token, authority=(folder / "ca" / "ca.crt").read_text(encoding="ascii"))
    link = FleetLink(Listening(host, int(port), folder / "server.crt", folder / "server.key"))
    known = {
        one.site: link.register(public_key_to_bytes(read_public_pem(one.node)))
        for one in approved_sites(folder)
        if one.site in sites
    }
    if missing := sorted({*sites} - {*known}):
        raise NotApprovedError(f"not approved: {', '.join(missing)}; see accord admin site approve")
    link.start()
    try:
        wait_for(link, known, timeout_s=wait_s)
        report = run_deployed(gate, study, link, known, watch=_say if watch else lambda _: None)
    finally:
        link.stop()
        gate.close()
    _out.print(f"{report.run}: {report.outcome} after {report.rounds} rounds", markup=False)
    if report.outcome != "completed":
        raise typer.Exit(1)


def _say(report: RoundReport) -> None:
    left = sorted(f"{site} ({done.refusal})" for site, done in report.sites.items() if done.refusal)
    used = sum(done.used for done in report.sites.values())
    absent = f"; without {', '.join(left)}" if left else ""
    _out.print(
        f"round {report.round} {report.kind}: {used} members, {1000 * report.seconds:.0f} ms{absent}", markup=False
    )


def _token(path: Path) -> str:
    try:
        if path.stat().st_mode & OWNER_ONLY:
            raise TokenFileError(f"{path} can be read by others; run chmod 600 on it")
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFileError(f"cannot read the token in {path}; check the path") from error
