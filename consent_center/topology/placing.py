"""Where the services of a topology are put: on this machine's loopback, or in containers.

A place gives every word of the description its meaning; nothing else differs between the two shapes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from consent_center.topology.description import Service, Topology, fill

LOOPBACK = "127.0.0.1"
ADDRESS = "address"
Ports = Mapping[tuple[str, str], int]


class Place(Protocol):
    """What the words in braces mean at one place."""

    def host(self, service: Service, port: str = "") -> str:
        """Where a service listens, with all its ports or with one that is on one network only."""
        ...

    def at(self, service: Service, port: str) -> str:
        """host:port under which others reach it."""
        ...

    def number(self, service: Service, port: str) -> int:
        """The number of a port."""
        ...

    def secret(self, name: str) -> str:
        """Path of a file."""
        ...

    def shared(self, name: str) -> str:
        """Path of a shared folder."""
        ...

    def data(self, service: Service) -> str:
        """Path of a service's own folder."""
        ...

    def database(self) -> str:
        """Address of the database."""
        ...


def placed(topology: Topology, service: Service, place: Place) -> Service:
    """The service with every word replaced by what it means at this place."""
    meanings = {
        ("host", ""): place.host(service),
        **{("host", port): place.host(service, port) for port in service.only_on},
        ("data", ""): place.data(service),
        ("database", ""): place.database(),
        ("site", ""): service.site,
        **{("port", port): str(place.number(service, port)) for port in service.ports},
        **{("secret", name): place.secret(name) for name in service.secrets},
        **{("shared", name): place.shared(name) for name in (*service.reads, *service.writes)},
        **{("at", f"{one.name}:{port}"): place.at(one, port) for one in topology.services for port in one.ports},
    }
    return replace(
        service,
        command=tuple(fill(word, meanings) for word in service.command),
        environment={name: fill(text, meanings) for name, text in service.environment.items()},
        ports={port: place.number(service, port) for port in service.ports},
        health=fill(service.health, meanings),
    )


@dataclass(frozen=True)
class Loopback:
    """Processes on this machine, in one folder.

    Attributes:
        folder: absolute.
        ports: (service, port) -> its number here.
        server: address of a PostgreSQL database that is there already; empty for one of our own.
    """

    folder: Path
    ports: Ports
    server: str = ""

    def host(self, service: Service, port: str = "") -> str:
        """Loopback, and nothing else."""
        del service, port
        return LOOPBACK

    def at(self, service: Service, port: str) -> str:
        """On loopback."""
        return f"{LOOPBACK}:{self.number(service, port)}"

    def number(self, service: Service, port: str) -> int:
        """As it was chosen for this folder; 0 for the database, which listens on a socket."""
        return self.ports.get((service.name, port), 0)

    def secret(self, name: str) -> str:
        """In the folder of secrets."""
        return str(self.folder / "secrets" / name)

    def shared(self, name: str) -> str:
        """In the folder of shared folders."""
        return str(self.folder / "shared" / name)

    def data(self, service: Service) -> str:
        """In the folder of its name; a site's folder is the site."""
        return str(self.folder / "sites" / service.site) if service.site else str(self.folder / service.name)

    def database(self) -> str:
        """The one that was named, or our own, over a socket; it says where it listens once it does."""
        if self.server:
            return self.server
        address = self.folder / "database" / ADDRESS
        return address.read_text(encoding="utf-8").strip() if address.exists() else ""


class Containers:
    """Containers of one Compose project."""

    def host(self, service: Service, port: str = "") -> str:
        """Every address of the container, whose networks decide who reaches it; or its name on one network."""
        return f"{service.name}-{port}" if port else "0.0.0.0"  # noqa: S104  inside a container

    def at(self, service: Service, port: str) -> str:
        """By the service's name, or by the name that it has on the port's only network."""
        name = self.host(service, port) if port in service.only_on else service.name
        return f"{name}:{self.number(service, port)}"

    def number(self, service: Service, port: str) -> int:
        """As described."""
        return service.ports[port]

    def secret(self, name: str) -> str:
        """Where Compose mounts it."""
        return f"/run/secrets/{name}"

    def shared(self, name: str) -> str:
        """A mount of this name."""
        return f"/shared/{name}"

    def data(self, service: Service) -> str:
        """The container's one writable folder, but for shared ones."""
        return "/var/lib/postgresql/data" if service.kind == "postgresql" else "/data"

    def database(self) -> str:
        """Over TLS, its certificate checked; the password is in a file."""
        return (
            "postgresql://accord@database:5432/accord?sslmode=verify-full"
            f"&sslrootcert={self.secret('ca.crt')}&passfile={self.secret('database.pgpass')}"
        )
