"""Law: processes on this machine and containers are one topology: the same services, commands, secrets and order.

Both are made from `topology.toml`; these tests hold each against it, and against what must be true of it.
"""

import configparser
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from consent_center.cli.commands import COMMANDS
from consent_center.errors import SettingsError
from consent_center.topology.compose import HOME, compose, compose_text
from consent_center.topology.description import Service, parse_topology, read_topology
from consent_center.topology.placing import Containers, Loopback, placed
from consent_center.topology.state import Installation, take_ports
from consent_center.topology.supervisor import local_services

ROOT = Path(__file__).parents[2]
TOPOLOGY = read_topology()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OURS = [one for one in TOPOLOGY.services if one.kind == "ours"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    numbers = {
        f"{one.name}:{port}": 20000 + index
        for index, (one, port) in enumerate((one, port) for one in OURS for port in one.ports)
    }
    return Installation(tmp_path_factory.mktemp("up"), "journey", TOPOLOGY.sites, numbers=numbers)


def test_compose_yaml_is_what_the_description_says() -> None:
    assert (ROOT / "compose.yaml").read_text(encoding="utf-8") == compose_text(), (
        "run: accord up --compose > compose.yaml"
    )


def test_both_shapes_have_the_same_services_in_the_same_order(made: Installation) -> None:
    local = [one.name for one in local_services(made) if one.name != "seed"]
    assert local == list(COMPOSE["services"]) == [one.name for one in TOPOLOGY.services]


@pytest.mark.parametrize("service", OURS, ids=lambda one: one.name)
def test_commands_differ_by_place_alone(service: Service, made: Installation) -> None:
    """Back from each place to the words of the description, the two commands are one."""
    here = next(one for one in local_services(made) if one.name == service.name)
    local = placed(TOPOLOGY, here, made.place)
    words = COMPOSE["services"][service.name]["command"]
    assert back(words, Containers(), service) == list(service.command)
    ours = 3 if service.command[0] == "accord" else 1  # this very Python instead of what is on the path
    assert back(local.command[ours:], made.place, service) == list(service.command[1:])


@pytest.mark.parametrize("service", OURS, ids=lambda one: one.name)
def test_settings_differ_by_place_alone(service: Service, made: Installation) -> None:
    local = set(placed(TOPOLOGY, service, made.place).environment)
    containers = set(COMPOSE["services"][service.name].get("environment", {}))
    assert containers - local <= {"ACCORD_ENV"}
    assert local <= containers


def test_addresses_are_those_of_the_description(made: Installation) -> None:
    for service in OURS:
        described = COMPOSE["services"][service.name]
        for port in service.published:
            assert f"{service.ports[port]}:{service.ports[port]}" in described["ports"]
        for port in service.published_here:
            assert f"127.0.0.1:{service.ports[port]}:{service.ports[port]}" in described["ports"]
        assert len(described.get("ports", [])) == len(service.published) + len(service.published_here)
        assert placed(TOPOLOGY, service, made.place).ports.keys() == service.ports.keys()


def test_everything_listens_on_loopback_here(made: Installation) -> None:
    for service in OURS:
        text = " ".join(placed(TOPOLOGY, service, made.place).command)
        assert "0.0.0.0" not in text
        assert text.count("127.0.0.1") >= len([word for word in service.command if word.startswith("{host")])


def test_a_site_reaches_the_coordinator_and_nobody_else() -> None:
    services = COMPOSE["services"]
    for site in TOPOLOGY.sites:
        networks = set(services[f"site-{site}"]["networks"])
        reached = {name for name, one in services.items() if networks & set(one["networks"])}
        assert reached == {"coordinator"} | {f"site-{other}" for other in TOPOLOGY.sites}
        assert all(COMPOSE["networks"][name] == {"internal": True} for name in networks)


def test_operators_doors_are_on_no_network_of_sites() -> None:
    coordinator = TOPOLOGY.service("coordinator")
    control = coordinator.command[coordinator.command.index("--control-host") + 1]
    assert control == "{host:control}"
    assert coordinator.only_on == {"control": "operators"}
    assert COMPOSE["services"]["coordinator"]["networks"]["operators"] == {"aliases": ["coordinator-control"]}
    assert not any("operators" in COMPOSE["services"][f"site-{site}"]["networks"] for site in TOPOLOGY.sites)


def test_the_database_is_reached_by_who_needs_it_and_published_to_nobody() -> None:
    services = COMPOSE["services"]
    reaching = {name for name, one in services.items() if "records" in one["networks"]}
    assert reaching == {"database", "migrate", "consent-centre", "publisher", "propagator", "admin"}
    assert COMPOSE["networks"]["records"] == {"internal": True}
    assert "ports" not in services["database"]
    hba = (ROOT / "deploy" / "pg_hba.conf").read_text(encoding="utf-8")
    assert not re.search(r"(?m)^host\s", hba), "nobody reaches it over a network without TLS"


@pytest.mark.parametrize("name", list(COMPOSE["services"]))
def test_containers_can_do_little(name: str) -> None:
    one = COMPOSE["services"][name]
    assert one["read_only"] is True
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert one["user"].startswith("${ACCORD_UID:-1000}")
    assert "privileged" not in one
    assert all(mount["source"].startswith(HOME) for mount in one["volumes"])
    assert not any("docker.sock" in mount["source"] for mount in one["volumes"])
    assert "healthcheck" in one or name in ("migrate", "propagator", "admin"), "who serves nobody has nothing to ask"


@pytest.mark.parametrize("name", list(COMPOSE["services"]))
def test_secrets_are_files_and_nowhere_else(name: str) -> None:
    one, described = COMPOSE["services"][name], TOPOLOGY.service(name)
    assert one["secrets"] == list(described.secrets)
    assert all(COMPOSE["secrets"][secret] == {"file": f"{HOME}/secrets/{secret}"} for secret in one["secrets"])
    said = " ".join([*one["command"], *(str(value) for value in one.get("environment", {}).values())])
    assert not re.search(r"(?i)(password|secret|token)=", said)
    assert set(re.findall(r"/run/secrets/([\w.-]+)", said)) <= set(one["secrets"])


def test_only_the_consent_centre_and_its_helpers_hold_its_keys() -> None:
    holding = {one.name for one in TOPOLOGY.services if {"root.key", "signing.key"} & set(one.secrets)}
    assert holding == {"migrate", "consent-centre", "publisher", "propagator", "admin"}
    assert [one.name for one in TOPOLOGY.services if "log.key" in one.secrets] == ["publisher"]
    assert all(TOPOLOGY.service(f"site-{site}").secrets == ("ca.crt",) for site in TOPOLOGY.sites)
    assert set(TOPOLOGY.service("coordinator").secrets) == {"ca.crt", "coordinator.crt", "coordinator.key"}


def test_the_image_is_not_root_and_its_commands_exist() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^USER (\S+)", dockerfile) == ["10001"]
    for service in OURS:
        assert service.command[0] in ("accord", "python")
        if service.command[0] == "accord":
            assert service.command[1] in COMMANDS


def test_what_a_service_waits_for_is_healthy_or_has_ended_well() -> None:
    for service in TOPOLOGY.services:
        for name, condition in (COMPOSE["services"][service.name].get("depends_on") or {}).items():
            once = TOPOLOGY.service(name).once
            assert condition["condition"] == ("service_completed_successfully" if once else "service_healthy")


def test_docker_itself_reads_it(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not here: compose.yaml was compared with the description only")
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    (tmp_path / ".env").write_text("ACCORD_PUBLIC_URL=https://hub.example.org\n")
    found = subprocess.run(
        [docker, "compose", "--profile", "admin", "config", "--quiet"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr


def test_the_systemd_unit_runs_a_site_and_may_do_little() -> None:
    path = ROOT / "deploy" / "systemd" / "accord-site@.service"
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(path)
    service = unit["Service"]
    assert service["ExecStart"] == "/opt/accord/bin/accord site run --site /var/lib/accord/%i"
    assert (service["User"], service["Restart"], service["NoNewPrivileges"]) == ("accord", "always", "yes")
    assert (service["ProtectSystem"], service["ReadWritePaths"]) == ("strict", "/var/lib/accord/%i")
    assert service["CapabilityBoundingSet"] == ""


ONE = 'sites = []\nnetworks = {}\nsettings = {}\n[[services]]\nname = "a"\nwhat = "x"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sites = [", "cannot be read"),
        ("sites = []\nnetworks = {}\n[settings]\n", "cannot be read"),
        (ONE + 'command = ["{secret:s}"]', "a names s"),
        (ONE + 'command = []\nafter = ["b"]', "names b"),
        (ONE + "command = []\nwat = 1", "cannot be read"),
    ],
)  # fmt: skip
def test_a_description_that_contradicts_itself_is_refused(text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        parse_topology(text)


def test_a_word_that_means_nothing_is_refused(made: Installation) -> None:
    wrong = replace(TOPOLOGY.services[2], command=("accord", "{nothing:here}"))
    with pytest.raises(SettingsError, match="means nothing"):
        placed(TOPOLOGY, wrong, made.place)


def test_a_port_that_is_taken_is_named() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingsError, match="taken by another program: choose others with --ports-from"):
            take_ports(TOPOLOGY, since=taken.getsockname()[1])


def back(words: Any, place: Containers | Loopback, service: Service) -> list[str]:
    """A placed command, in the words of the description again."""
    own = {f"{{port:{port}}}": str(place.number(service, port)) for port in service.ports}
    meanings = {
        **{f"{{secret:{name}}}": place.secret(name) for name in service.secrets},
        **{f"{{shared:{name}}}": place.shared(name) for name in (*service.reads, *service.writes)},
        "{data}": place.data(service),
        **{f"{{at:{one.name}:{port}}}": place.at(one, port) for one in TOPOLOGY.services for port in one.ports},
        **own,
    }
    found = list(words)
    for index, word in enumerate(found):
        for name, meaning in meanings.items():
            if (meaning and word == meaning) or (name.startswith("{at") and word == f"https://{meaning}"):
                found[index] = word.replace(meaning, name)
                break
    for index, word in enumerate(service.command):
        if word.startswith("{host"):
            port = word[len("{host:") : -1] if ":" in word else ""
            assert found[index - len(service.command) + len(found)] == place.host(service, port)
            found[index - len(service.command) + len(found)] = word
    return found


def test_the_project_is_made_of_the_description_alone() -> None:
    other = compose(read_topology(sites=("a", "b", "c", "d")))
    assert [name for name in other["services"] if name.startswith("site-")] == ["site-a", "site-b", "site-c", "site-d"]
