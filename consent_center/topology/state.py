"""What `make up` remembers of its folder: what was asked for, which ports it took, and who runs.

installation.toml    written once, before anything is started
status.json          written by the supervisor whenever something changes
"""

import json
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from consent_center.errors import SettingsError
from consent_center.topology.description import Service, Topology, read_topology
from consent_center.topology.placing import LOOPBACK, Loopback

_FILE, _STATUS = "installation.toml", "status.json"


@dataclass(frozen=True)
class Installation:
    """What stands in one folder.

    Attributes:
        folder: absolute.
        data: the demo's data set that its members come from.
        sites: names of its sites.
        runs: for how many runs its accounts are enough.
        rounds: of its study; 0 lets the plan choose.
        seed: of members' answers and of who is at which site.
        server: a PostgreSQL database that was there already; empty for one of our own.
        numbers: "service:port" -> its number.
    """

    folder: Path
    data: str
    sites: tuple[str, ...]
    runs: int = 3
    rounds: int | None = None
    seed: int = 7
    server: str = ""
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def topology(self) -> Topology:
        """The description, with these sites."""
        return read_topology(sites=self.sites)

    @property
    def place(self) -> Loopback:
        """Where its services are."""
        ports = {(service, port): number for service, port, number in self._ports()}
        return Loopback(self.folder, ports, self.server)

    @property
    def fleet(self) -> str:
        """host:port under which sites reach the coordinator."""
        return f"{LOOPBACK}:{self.numbers['coordinator:fleet']}"

    def address(self, service: str, port: str) -> str:
        """https://host:port of a service."""
        return f"https://{LOOPBACK}:{self.numbers[f'{service}:{port}']}"

    def _ports(self) -> list[tuple[str, str, int]]:
        return [(*name.split(":", 1), number) for name, number in self.numbers.items()]  # type: ignore[misc]


def write_installation(made: Installation) -> None:
    """Remember what was asked for."""
    lines = [
        f"data = {json.dumps(made.data)}",
        f"sites = {json.dumps([*made.sites])}",
        f"runs = {made.runs}",
        f"rounds = {made.rounds or 0}",
        f"seed = {made.seed}",
        f"server = {json.dumps(made.server)}",
        "",
        "[numbers]",
        *(f"{json.dumps(name)} = {number}" for name, number in made.numbers.items()),
    ]
    (made.folder / _FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def find_installation(folder: Path) -> Installation | None:
    """What stands in this folder; None if nothing does.

    Raises:
        SettingsError: it cannot be read.
    """
    return read_installation(folder) if (folder / _FILE).exists() else None


def read_installation(folder: Path) -> Installation:
    """What stands in this folder.

    Raises:
        SettingsError: nothing, or it cannot be read.
    """
    try:
        data: dict[str, Any] = tomllib.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Installation(
            folder=folder.resolve(),
            data=str(data["data"]),
            sites=tuple(map(str, data["sites"])),
            runs=int(data["runs"]),
            rounds=int(data["rounds"]) or None,
            seed=int(data["seed"]),
            server=str(data["server"]),
            numbers={str(name): int(number) for name, number in data["numbers"].items()},
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"{folder} holds no installation: start one with accord up --folder {folder}") from error


def take_ports(topology: Topology, *, since: int = 0) -> dict[str, int]:
    """A free port on loopback for everything that listens.

    Args:
        topology: what listens.
        since: number them from here on; 0 takes those of the description.

    Raises:
        SettingsError: one is taken by another program.
    """
    wanted = [(one, port) for one in topology.services if one.kind == "ours" for port in one.ports]
    numbers = {
        f"{one.name}:{port}": since + index if since else one.ports[port] for index, (one, port) in enumerate(wanted)
    }
    for name, number in numbers.items():
        if not is_free(number):
            raise SettingsError(f"port {number} ({name}) is taken by another program: choose others with --ports-from")
    return numbers


def is_free(number: int) -> bool:
    """Does nobody listen on this port of loopback?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, number))
        except OSError:
            return False
        return True


def write_status(folder: Path, status: Mapping[str, Any]) -> None:
    """Say how everything stands, in one step."""
    draft = folder / f".{_STATUS}.draft"
    draft.write_text(json.dumps(status, indent=1), encoding="utf-8")
    draft.replace(folder / _STATUS)


def read_status(folder: Path) -> dict[str, Any]:
    """How everything stands; empty if nothing was started."""
    try:
        found = json.loads((folder / _STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def addresses(service: Service, made: Installation) -> str:
    """Where a service is reached, for people to read."""
    if service.kind == "postgresql":
        return "socket, this machine only"
    return "  ".join(f"{LOOPBACK}:{made.numbers[f'{service.name}:{port}']}" for port in service.ports)
