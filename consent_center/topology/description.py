"""`topology.toml` as data: services, what each may reach and read, and how each is started.

A word in braces is filled in by whoever starts the services (`placing.py`): the description itself knows no path, no
address and no machine.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import Any, Literal

from consent_center.errors import SettingsError

_WORD = re.compile(r"\{([a-z]+)(?::([^{}]+))?\}")
Kind = Literal["ours", "postgresql"]


@dataclass(frozen=True)
class Service:
    """One service.

    Attributes:
        name: unique.
        what: what it is for, in one line.
        kind: "ours" runs this release's code; "postgresql" has its own image.
        command: how it is started, with words in braces.
        environment: its settings, with words in braces.
        ports: name -> number that it listens on.
        published: which of them are reachable from other machines.
        published_here: which of them are reachable from this machine only.
        only_on: port -> the one network on which it listens there; every other port listens on all of its networks.
        networks: which it is in.
        secrets: files that it may read, by name.
        reads, writes: shared folders.
        after: services that must be healthy, or have ended well, before it starts.
        health: where its health is seen; empty if nothing can be asked.
        once: does it end by itself?
        profile: if not empty, it is started only when asked for.
        site: the site's name, if it is one.
    """

    name: str
    what: str
    command: tuple[str, ...]
    kind: Kind = "ours"
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    published: tuple[str, ...] = ()
    published_here: tuple[str, ...] = ()
    only_on: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    health: str = ""
    once: bool = False
    profile: str = ""
    site: str = ""

    @property
    def keeps(self) -> bool:
        """Does it need a folder of its own?"""
        return self.kind == "postgresql" or ("data", "") in self.words()

    def words(self) -> set[tuple[str, str]]:
        """Every word in braces, as (word, argument)."""
        texts = (*self.command, *self.environment.values(), self.health)
        return {(found[1], found[2] or "") for text in texts for found in _WORD.finditer(text)}


@dataclass(frozen=True)
class Topology:
    """The whole description.

    Attributes:
        sites: names of the sites.
        networks: name -> what it is for.
        services: in the order in which they start.
    """

    sites: tuple[str, ...]
    networks: Mapping[str, str]
    services: tuple[Service, ...]

    def service(self, name: str) -> Service:
        """The service of this name.

        Raises:
            KeyError: there is none.
        """
        return next((one for one in self.services if one.name == name), None) or _missing(name)


def fill(text: str, meanings: Mapping[tuple[str, str], str]) -> str:
    """A text with its words in braces replaced.

    Raises:
        SettingsError: a word means nothing here.
    """

    def meaning(found: re.Match[str]) -> str:
        asked = (found[1], found[2] or "")
        if asked not in meanings:
            raise SettingsError(f"{found[0]} means nothing here; correct topology.toml")
        return meanings[asked]

    return _WORD.sub(meaning, text)


def read_topology(*, sites: tuple[str, ...] = ()) -> Topology:
    """The description that this release carries.

    Args:
        sites: other names of sites than the description's.

    Raises:
        SettingsError: it contradicts itself.
    """
    text = (files("consent_center.topology") / "topology.toml").read_text(encoding="utf-8")
    return parse_topology(text, sites=sites)


def parse_topology(text: str, *, sites: tuple[str, ...] = ()) -> Topology:
    """Read a description.

    Raises:
        SettingsError: malformed, or it names something that it does not have.
    """
    try:
        data = tomllib.loads(text)
        named = sites or tuple(data["sites"])
        groups: dict[str, dict[str, str]] = data["settings"]
        services = tuple(one for table in data["services"] for one in _services(table, groups, named))
        topology = Topology(named, data["networks"], services)
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise SettingsError(f"the topology cannot be read: {error}; correct topology.toml") from error
    _check(topology)
    return topology


def _services(table: dict[str, Any], groups: Mapping[str, Mapping[str, str]], sites: tuple[str, ...]) -> list[Service]:
    settings = [groups[name] for name in table.pop("settings", ())]
    environment = {name: text for group in settings for name, text in group.items()} | table.pop("environment", {})
    each = table.pop("each", "")
    lists = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    made = Service(**{**table, **lists, "environment": environment})
    if not each:
        return [made]
    return [replace(made, name=fill(made.name, {("site", ""): site}), site=site) for site in sites]


def _check(topology: Topology) -> None:
    names = [one.name for one in topology.services]
    if len({*names}) != len(names):
        raise SettingsError("the topology names a service twice; correct topology.toml")
    for number, one in enumerate(topology.services):
        published, networks = {*one.published, *one.published_here, *one.only_on}, {*one.only_on.values()}
        wrong = {*one.networks} - {*topology.networks} | {*one.after} - {*names[:number]}
        wrong |= published - {*one.ports} | networks - {*one.networks}
        secrets = {argument for word, argument in one.words() if word == "secret"}
        if wrong or not secrets <= {*one.secrets}:
            raise SettingsError(
                f"{one.name} names {', '.join(sorted(wrong | secrets - {*one.secrets}))}, which it does not have; "
                "correct topology.toml"
            )


def _missing(name: str) -> Service:
    raise KeyError(name)
