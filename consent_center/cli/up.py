"""`accord up | status | down`: everything on this machine, as processes on loopback; started, shown, stopped."""

import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from consent_center.demo.load import DATA, load
from consent_center.errors import RuleError
from consent_center.settings import clock
from consent_center.topology.compose import compose_text
from consent_center.topology.placing import placed
from consent_center.topology.processes import Known
from consent_center.topology.secrets import make_secrets
from consent_center.topology.state import (
    Installation,
    addresses,
    find_installation,
    read_installation,
    read_status,
    take_ports,
    write_installation,
)
from consent_center.topology.supervisor import local_services
from consent_center.topology.surroundings import surroundings

_out = Console(highlight=False, soft_wrap=True)
FolderOpt = Annotated[Path, typer.Option(help="Where everything is kept.")]
_FOLDER = Path("var/up")
MARK = ".accord-up"
LOOK_EVERY_S = 0.3
TOO_OFTEN = 6


class UpError(RuleError):
    """Not everything could be started or stopped; says what to look at."""


def up(
    folder: FolderOpt = _FOLDER,
    data: Annotated[
        str, typer.Option(help=f"Whose members: {', '.join(DATA)}. Chosen at the first start.")
    ] = "journey",
    runs: Annotated[int, typer.Option(min=1, max=20, help="For how many runs the privacy accounts are enough.")] = 3,
    rounds: Annotated[
        int | None, typer.Option(min=1, max=400, help="Rounds of the study; else the plan chooses.")
    ] = None,
    database: Annotated[str, typer.Option(help="An empty PostgreSQL database to use instead of one of our own.")] = "",
    ports_from: Annotated[
        int, typer.Option(min=0, max=65_000, help="Number the ports from here on, instead of 8443, 8480, 8800...")
    ] = 0,
    wait_s: Annotated[float, typer.Option(min=1, help="For how long to wait until everything is well.")] = 300.0,
    *,
    compose: Annotated[bool, typer.Option("--compose", help="Only print compose.yaml; start nothing.")] = False,
) -> None:
    """Start everything on this machine, or say that it runs; the first time, make keys and a programme."""
    if compose:
        typer.echo(compose_text(), nl=False)
        return
    made = find_installation(folder) or _first(folder, data, runs, rounds, database, ports_from)
    running = _supervisor(made.folder)
    if running is None:
        _stop_strays(made.folder)
        running = _start(made.folder)
    _wait(made, running, wait_s)
    _table(made)
    _next(made)


def down(folder: FolderOpt = _FOLDER) -> None:
    """Stop exactly what `accord up` started in this folder; keys, members and the log stay."""
    made = find_installation(folder)
    supervisor = _supervisor(folder.resolve()) if made else None
    if made is None or (supervisor is None and not _strays(made.folder)):
        _out.print("Nothing runs.")
        return
    if supervisor is not None:
        supervisor.stop(wait_s=120)
    stopped = _stop_strays(made.folder)
    _out.print(f"Stopped{f'; {stopped} processes had lost their supervisor' if stopped else ''}.")


def status(folder: FolderOpt = _FOLDER) -> None:
    """Say how everything on this machine stands. Exit code 1: something is not well."""
    made = read_installation(folder)
    _table(made)
    if not _all_well(made):
        raise typer.Exit(1)


def sign_in(
    member: Annotated[str, typer.Option(help="A member; one of those who were asked, if none is named.")] = "",
    folder: FolderOpt = _FOLDER,
) -> None:
    """Hand out a link that signs a made-up member in, once, within ten minutes. For trying out only."""
    from consent_center.topology.visiting import sign_in_link  # noqa: PLC0415 - opens the database

    made = read_installation(folder)
    typer.echo(sign_in_link(made, member=member, at=clock()))


def _first(folder: Path, data: str, runs: int, rounds: int | None, database: str, ports_from: int) -> Installation:
    if data not in DATA:
        raise UpError(f"--data {data}: choose one of {', '.join(DATA)}")
    if database and not database.startswith(("postgresql://", "postgresql+psycopg://")):
        raise UpError("--database is the address of a PostgreSQL database, postgresql://...")
    if not database and find_spec("pgserver") is None:
        raise UpError("no PostgreSQL is here: name an empty database with --database, or pip install pgserver")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UpError(f"{folder} holds files that accord up did not make: choose another folder with --folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).touch()
    place = folder.resolve()
    sites = tuple(site.site for site in load(data, sites=3, seed=7).sites)
    made = Installation(place, data, sites, runs=runs, rounds=rounds, server=database)
    numbers = take_ports(made.topology, since=ports_from)
    made = Installation(place, data, sites, runs=runs, rounds=rounds, server=database, numbers=numbers)
    for name in ("shared/log", "shared/registry", "database", "witness", "coordinator", "logs"):
        (place / name).mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (place / "secrets").exists():
        witness = f"127.0.0.1:{numbers['witness:cosign']}"
        make_secrets(place / "secrets", witness_at=witness, log_folder=str(place / "shared" / "log"), at=clock())
    _write_operator(made)
    write_installation(made)
    return made


def _write_operator(made: Installation) -> None:
    lines = [
        f'hub = "{made.address("consent-centre", "web")}"',
        f'coordinator = "{made.address("coordinator", "control")}"',
        'authority = "secrets/ca.crt"',
        'token_file = "operator.token"',
    ]
    (made.folder / "operator.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _start(folder: Path) -> Known:
    (folder / "status.json").unlink(missing_ok=True)
    with (folder / "logs" / "supervisor.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "consent_center.topology.supervisor", str(folder)],
            env=surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Known.of(process.pid)


def _wait(made: Installation, supervisor: Known, wait_s: float) -> None:
    until, told = time.monotonic() + wait_s, ""
    with _out.status("starting") as spinner:
        while not _all_well(made):
            services = read_status(made.folder).get("services", {})
            failed = [name for name, one in services.items() if one["state"] == "failed"]
            failed += [
                name for name, one in services.items() if one["state"] != "well" and one["restarts"] >= TOO_OFTEN
            ]
            if failed or not supervisor.runs:
                name = failed[0] if failed else "supervisor"
                raise UpError(f"{name} does not start: read {made.folder / 'logs' / name}.log")
            if time.monotonic() > until:
                late = ", ".join(name for name, one in services.items() if one["state"] not in ("well", "ended"))
                raise UpError(
                    f"not well after {wait_s:.0f} s: {late}; read {made.folder / 'logs'}, or wait: accord status"
                )
            now = ", ".join(name for name, one in services.items() if one["state"] == "starting")
            if now and now != told:
                told = now
                spinner.update(f"starting {now}")
            time.sleep(LOOK_EVERY_S)


def _all_well(made: Installation) -> bool:
    if _supervisor(made.folder) is None:
        return False
    services = read_status(made.folder).get("services", {})
    return bool(services) and all(one["state"] in ("well", "ended") for one in services.values())


def _supervisor(folder: Path) -> Known | None:
    known = Known.read(read_status(folder).get("supervisor") or {})
    return known if known is not None and known.runs else None


def _strays(folder: Path) -> list[Known]:
    services = read_status(folder).get("services", {})
    found = [Known.read(one.get("process") or {}) for one in services.values()]
    return [one for one in found if one is not None and one.runs]


def _stop_strays(folder: Path) -> int:
    found = _strays(folder)
    for one in reversed(found):
        one.stop()
    return len(found)


def _table(made: Installation) -> None:
    told = read_status(made.folder)
    alive = _supervisor(made.folder) is not None
    table = Table(box=None, pad_edge=False, header_style="bold", width=None if _out.is_terminal else 132)
    for column in ("service", "state", "address", "what it is"):
        table.add_column(column, overflow="fold")
    for one in local_services(made):
        if one.profile:
            continue
        found = told.get("services", {}).get(one.name, {})
        state = str(found.get("state", "stopped")) if alive else "stopped"
        state += f" ({found['restarts']} restarts)" if alive and found.get("restarts") else ""
        style = "green" if state in ("well", "ended") else "red"
        table.add_row(one.name, Text(state, style=style), addresses(one, made), one.what)
    _out.print(table)
    _out.print(f"Logs: {made.folder / 'logs'}/SERVICE.log", markup=False)


def _next(made: Installation) -> None:
    _out.print()
    if which("accord") is None:
        _out.print(f"`accord` is {Path(sys.argv[0]).resolve()}: put its folder on the PATH", markup=False)
    as_file = "" if made.folder == _FOLDER.resolve() else f" --as {made.folder / 'operator.toml'}"
    where = "" if made.folder == _FOLDER.resolve() else f" --folder {made.folder}"
    _out.print(f"Drive the approved study:   accord run start churn-2026-11 --watch{as_file}", markup=False)
    _out.print(f"Be one of the members:      accord sign-in{where}", markup=False)
    _out.print(f"Administrators' commands:   set -a; . {made.folder / 'admin.env'}; set +a", markup=False)
    _out.print(f"Stop:                       accord down{where}", markup=False)
    _write_admin(made)


def _write_admin(made: Installation) -> None:
    admin = placed(made.topology, made.topology.service("admin"), made.place)
    settings = {
        "ACCORD_ENV": "dev",
        **admin.environment,
        "ACCORD_REGISTRY": str(made.folder / "shared" / "registry"),
        "ACCORD_AUTHORITY": str(made.folder / "secrets" / "ca.crt"),
    }
    lines = [f"{name}='{text}'" for name, text in settings.items()]
    (made.folder / "admin.env").write_text("\n".join(lines) + "\n", encoding="utf-8")
