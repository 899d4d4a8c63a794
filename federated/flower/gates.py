"""How the two apps, which Flower loads by module, find the gate and the sites of their process.

A run names its gate and a node names its site in their Flower configuration; here the names are looked up. Embedded,
everything is in one process; deployed, each process registers only what it holds. In a process that stock Flower
started nobody registered anything: there the operator's own environment names a folder (`installed`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from federated.errors import MalformedError
from federated.gate import Gate, RoundReport, RunReport
from federated.signed import decode

GATE = "accord-gate"
STUDY = "accord-study"
SITE = "accord-site"
NODES = "accord-nodes"

Answer = Callable[[bytes], bytes]


@dataclass
class GateEntry:
    """What one run of the ServerApp works with, and what it leaves behind.

    Attributes:
        watch: told of each settled round.
        reports: the run's report, once it is settled.
        package: the finished model, if the study audits one.
        patience_s: how long sites that are away are waited for, at each step.
    """

    gate: Gate
    watch: Callable[[RoundReport], None] = lambda _: None
    reports: list[RunReport] = field(default_factory=list)
    package: bytes = b""
    patience_s: float = 0.0


_GATES: dict[str, GateEntry] = {}
_SITES: dict[str, Answer] = {}


@contextmanager
def registered_gate(name: str, entry: GateEntry) -> Iterator[GateEntry]:
    """Let a ServerApp of this process find its gate under this name."""
    _GATES[name] = entry
    try:
        yield entry
    finally:
        del _GATES[name]


@contextmanager
def registered_sites(sites: Mapping[str, Answer]) -> Iterator[None]:
    """Let ClientApps of this process find their sites under these names."""
    _SITES.update(sites)
    try:
        yield
    finally:
        for name in sites:
            del _SITES[name]


def gate_named(name: object) -> GateEntry | None:
    """The gate that a run names; None if there is no such gate in this process."""
    return _GATES.get(str(name))


def site_named(name: object) -> Answer | None:
    """The site that a node names; None if there is no such site in this process."""
    return _SITES.get(str(name))


def nodes_text(nodes: Mapping[str, int]) -> str:
    """Site -> node as the text that a run's configuration carries; Flower's numbers may be above 2**63."""
    return json.dumps(dict(nodes), sort_keys=True)


def nodes_of(text: object) -> dict[str, int]:
    """Read what `nodes_text` wrote.

    Raises:
        MalformedError: not that.
    """
    found = decode(str(text).encode())
    if not isinstance(found, dict) or not found or any(type(node) is not int for node in found.values()):
        raise MalformedError(f'{NODES} is the node of each site, such as {{"sales": 12}}')
    return found
