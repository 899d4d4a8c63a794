"""`accord run serve | start`: the coordinator as a process, and runs driven through it."""

import logging
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from consent_center.coordinator.driving import Runs, Watch
from consent_center.coordinator.operator import Operator, read_operator
from consent_center.coordinator.registry import Registered
from consent_center.errors import RuleError
from federated.errors import Refusal, RefusedError
from federated.gate import RunReport

app = typer.Typer(help="Drive runs of approved studies.", no_args_is_help=True, rich_markup_mode=None)
_out = Console(highlight=False, soft_wrap=True)
LOOPBACK = "127.0.0.1"


class AuthorityError(RuleError):
    """The authority's certificate cannot be read; says which file."""


@app.callback()
def runs() -> None:
    """Drive runs of approved studies."""


@app.command()
def start(
    study: Annotated[str, typer.Argument(help="The approved study.")],
    operator: Annotated[Path, typer.Option("--as", help="The operator's file: where hub and coordinator are.")] = Path(
        "var/up/operator.toml"
    ),
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Say each round as it is settled, then the verdict.")] = False,
) -> None:
    """Start a run; with --watch, see it through to the check before release. Exit code 1: no model was released."""
    known = read_operator(operator)
    token, sites = known.start(study)
    _say(f"{study}: {len(sites)} sites ({', '.join(sites)})")
    if not watch:
        first = next(known.drive(study, sites, token))
        if "round" not in first:
            _tell_end(known, first)
        else:
            _say("the first round is settled; the run goes on by itself, see it in the console")
        return
    ended: dict[str, Any] = {}
    try:
        for ended in known.drive(study, sites, token):
            if "round" in ended:
                _say(_round(ended))
    except KeyboardInterrupt:
        _say("not watched any more; the run goes on by itself, see it in the console")
        raise
    _tell_end(known, ended)


@app.command()
def serve(
    *,
    hub: Annotated[str, typer.Option(help="Address of the consent centre, https://...")],
    authority: Annotated[Path, typer.Option(help="Certificate of the authority that vouches for it.")],
    certificate: Annotated[Path, typer.Option(help="The coordinator's own certificate.")],
    certificate_key: Annotated[Path, typer.Option(help="Its key.")],
    registry: Annotated[Path, typer.Option(help="The folder of approved sites.")],
    folder: Annotated[Path, typer.Option(help="Where unfinished runs are remembered.")],
    host: Annotated[str, typer.Option(help="Address to listen on for sites.")] = LOOPBACK,
    control_host: Annotated[str, typer.Option(help="Address to listen on for operators.")] = LOOPBACK,
    fleet_port: Annotated[int, typer.Option(min=1, max=65535, help="Port for sites.")] = 8800,
    control_port: Annotated[int, typer.Option(min=1, max=65535, help="Port for operators.")] = 8801,
    wait_s: Annotated[float, typer.Option(min=0, help="How long a run waits for its sites to connect.")] = 60.0,
) -> None:
    """Be the coordinator: let approved sites in, and drive the runs that are started, until stopped."""
    import uvicorn  # noqa: PLC0415 - the web and Flower are loaded by who serves, not by who starts a run

    from consent_center.coordinator.control import create_control  # noqa: PLC0415 - the same
    from federated.certificates import read_public_pem  # noqa: PLC0415 - the same
    from federated.flower.deployment import run_deployed, wait_for  # noqa: PLC0415 - the same
    from federated.flower.fleet import FleetEvent, FleetLink, Listening  # noqa: PLC0415 - the same
    from federated.flower.internals import public_key_to_bytes  # noqa: PLC0415 - the same
    from federated.gate_http import HttpGate  # noqa: PLC0415 - the same

    _log_to_stderr()
    log = logging.getLogger("consent_center.coordinator")
    try:
        trusted = authority.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise AuthorityError(f"cannot read {authority}: name the certificate of the authority") from error

    def note(event: FleetEvent) -> None:
        if event.status >= HTTPStatus.BAD_REQUEST:
            log.warning("refused a node's call: %s, %d", event.what, event.status)
        elif event.what == "activated":
            log.info("connected: node %d", event.node)

    link = FleetLink(Listening(host, fleet_port, certificate, certificate_key), note=note)
    sites = Registered(registry, link, lambda pem: public_key_to_bytes(read_public_pem(pem)))

    def drive(study: str, asked: tuple[str, ...], token: str, *, watch: Watch) -> RunReport:
        nodes = sites.nodes()
        if missing := sorted({*asked} - {*nodes}):
            raise RefusedError(Refusal.NO_QUORUM, f"not approved: {', '.join(missing)}; see accord admin site approve")
        wanted = {site: nodes[site] for site in asked}
        wait_for(link, wanted, timeout_s=wait_s)
        gate = HttpGate(hub, token=token, authority=trusted)
        try:
            return run_deployed(gate, study, link, wanted, watch=watch)
        finally:
            gate.close()

    driven = Runs(folder / "runs", drive)
    link.start()
    sites.start()
    try:
        if resumed := driven.resume():
            _say(f"{resumed} runs of an earlier process go on")
        control = create_control(
            driven, lambda: {site: node in link.online for site, node in sorted(sites.nodes().items())}
        )
        _say(f"sites connect to {host}:{fleet_port}, operators to {control_host}:{control_port}")
        uvicorn.run(
            control,
            host=control_host,
            port=control_port,
            ssl_certfile=certificate,
            ssl_keyfile=certificate_key,
            access_log=False,
            server_header=False,
            log_level="warning",
            timeout_graceful_shutdown=3,
        )
    finally:
        sites.stop()
        link.stop()


def _round(event: dict[str, Any]) -> str:
    removed = sum(event["removed"].values())
    left = ", ".join(f"{site} ({code})" for site, code in sorted(event["refused"].items()))
    said = f"round {event['round']:>3} {event['kind']:<8} {sum(event['used'].values())} members"
    said += f", {1000 * event['seconds']:.0f} ms"
    return said + (f", {removed} withdrew" if removed else "") + (f"; without {left}" if left else "")


def _tell_end(operator: Operator, ended: dict[str, Any]) -> None:
    if "refused" in ended:
        raise RefusedError(Refusal(ended["refused"]), f"refused ({ended['refused']}): {ended['detail']}")
    _say(f"{ended['run']}: {ended['outcome']} after {ended['rounds']} rounds")
    for site, code in sorted(ended.get("refusals", {}).items()):
        _say(f"  {site}: {code}")
    if ended["outcome"] != "completed":
        raise typer.Exit(1)
    judged = operator.release(str(ended["run"]))
    _say(f"{judged['verdict']}: the model is {judged['state']} ({judged['model'][:12]})")
    for gap in judged["gaps"]:
        _say(f"  {gap}.")
    if judged["state"] != "released":
        _say("A named reviewer may override this with her own key, a reason and an end, in the log.")
        raise typer.Exit(1)


def _log_to_stderr() -> None:
    """One line for each thing that happened; Flower says what goes wrong, and not each heartbeat."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("consent_center.coordinator").setLevel(logging.INFO)
    flower = logging.getLogger("flwr")
    flower.handlers.clear()
    flower.setLevel(logging.WARNING)


def _say(line: str) -> None:
    _out.print(line, markup=False)
