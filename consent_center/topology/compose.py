"""The text of `compose.yaml`, from the description.

Every container runs as whoever made the secrets (never root), without capabilities, on a read-only file system with
one writable folder, and is in no network but those the description gives it. Secrets are files. Only the networks of
which something is published reach beyond this machine.
"""

from typing import Any

import yaml

from consent_center.topology.description import Service, Topology, read_topology
from consent_center.topology.placing import Containers, placed

OURS = "accord:0.1.0"
POSTGRESQL = "postgres:16-bookworm"
"""Debian's image knows how to run as a user that it has never heard of; Alpine's does not."""

HOME = "./var/compose"
USER = "${ACCORD_UID:-1000}:${ACCORD_GID:-1000}"
OUTWARD = ("public", "operators")
"""Networks that reach beyond this machine: of what is published, and of nothing that holds rows or records alone."""

PROBE = "consent_center.topology.probe"
HEAD = """\
# Written by `accord up --compose` from consent_center/topology/topology.toml; a test compares the two. Do not edit.
#
#   accord admin keys var/compose/secrets    certificates, keys and passwords, each in a file of its own
#   docker compose build
#   docker compose up -d
#
# docs/reference/deployment.md says how sites join, what to put into .env, and what is different from `make up`.
"""


def compose_text() -> str:
    """What `compose.yaml` has to say."""
    topology = read_topology()
    described = compose(topology)
    return HEAD + yaml.safe_dump(described, sort_keys=False, width=120, default_flow_style=False)


def compose(topology: Topology) -> dict[str, Any]:
    """The Compose project, as data."""
    place = Containers()
    services = {one.name: _service(topology, one, placed(topology, one, place)) for one in topology.services}
    secrets = sorted({name for one in topology.services for name in one.secrets})
    return {
        "name": "accord",
        "services": services,
        "networks": {name: {} if name in OUTWARD else {"internal": True} for name in topology.networks},
        "secrets": {name: {"file": f"{HOME}/secrets/{name}"} for name in secrets},
        "configs": {"pg_hba.conf": {"file": "./deploy/pg_hba.conf"}},
    }


def _service(topology: Topology, described: Service, one: Service) -> dict[str, Any]:
    data = Containers().data(described)
    made: dict[str, Any] = {"image": OURS, "build": {"context": ".", "dockerfile": "Dockerfile"}}
    made["command"] = list(one.command)
    environment = dict(one.environment)
    if described.kind == "postgresql":
        made |= _postgresql()
        environment |= {
            "POSTGRES_USER": "accord",
            "POSTGRES_DB": "accord",
            "POSTGRES_PASSWORD_FILE": "/run/secrets/database.password",
        }
        del made["build"]
    elif "ACCORD_DATABASE" in environment:
        public = "${ACCORD_PUBLIC_URL:?set it in .env to the https address of members}"
        environment |= {"ACCORD_ENV": "production", "ACCORD_PUBLIC_URL": public}
    if environment:
        made["environment"] = environment
    made |= {
        "user": USER,
        "read_only": True,
        "init": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "pids_limit": 512,
        "tmpfs": [
            f"/{name}:mode=1777"
            for name in ("tmp", *(["var/run/postgresql"] if described.kind == "postgresql" else []))
        ],
        "restart": "no" if one.once or one.profile else "unless-stopped",
        "stop_grace_period": "40s",
        "networks": _networks(described),
        "secrets": list(one.secrets),
        "volumes": [
            *(
                [_mount(f"{HOME}/sites/{one.site}" if one.site else f"{HOME}/data/{one.name}", data)]
                if described.keeps
                else []
            ),
            *(_mount(f"{HOME}/shared/{name}", f"/shared/{name}", read_only=True) for name in one.reads),
            *(_mount(f"{HOME}/shared/{name}", f"/shared/{name}") for name in one.writes),
        ],
    }
    ports = [f"{one.ports[port]}:{one.ports[port]}" for port in one.published]
    ports += [f"127.0.0.1:{one.ports[port]}:{one.ports[port]}" for port in one.published_here]
    if ports:
        made["ports"] = ports
    if one.after:
        waits = {
            name: "service_completed_successfully" if topology.service(name).once else "service_healthy"
            for name in one.after
        }
        made["depends_on"] = {name: {"condition": condition} for name, condition in waits.items()}
    if described.kind == "postgresql":
        made["healthcheck"] = _check(["pg_isready", "-U", "accord", "-d", "accord"])
    elif one.health:
        made["healthcheck"] = _check(["python", "-m", PROBE, one.health, "/run/secrets/ca.crt"])
    if one.profile:
        made["profiles"] = [one.profile]
    return made


def _networks(service: Service) -> dict[str, Any]:
    aliases: dict[str, list[str]] = {}
    for port, network in service.only_on.items():
        aliases.setdefault(network, []).append(Containers().host(service, port))
    return {name: {"aliases": aliases[name]} if name in aliases else {} for name in service.networks}


def _postgresql() -> dict[str, Any]:
    settings = {
        "ssl": "on",
        "ssl_cert_file": "/run/secrets/database.crt",
        "ssl_key_file": "/run/secrets/database.key",
        "hba_file": "/etc/accord/pg_hba.conf",
        "password_encryption": "scram-sha-256",
    }
    return {
        "image": POSTGRESQL,
        "command": ["postgres", *(word for name, value in settings.items() for word in ("-c", f"{name}={value}"))],
        "configs": [{"source": "pg_hba.conf", "target": "/etc/accord/pg_hba.conf"}],
    }


def _mount(source: str, target: str, *, read_only: bool = False) -> dict[str, Any]:
    mount: dict[str, Any] = {"type": "bind", "source": source, "target": target}
    return mount | ({"read_only": True} if read_only else {})


def _check(command: list[str]) -> dict[str, Any]:
    return {"test": ["CMD", *command], "interval": "15s", "timeout": "10s", "retries": 4, "start_period": "60s"}
