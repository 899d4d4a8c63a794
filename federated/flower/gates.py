"""How the two apps, which Flower loads by module, find the gate and the sites of their process.

A run names its gate and a node names its site in their Flower configuration; here the names are looked up. Embedded,
everything is in one process; deployed, each process registers only what it holds.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from federated.gate import Gate, RoundReport, RunReport

GATE = "accord-gate"
STUDY = "accord-study"
SITE = "accord-site"
NODE = "accord-node-"

Answer = Callable[[bytes], bytes]


@dataclass
class GateEntry:
    """What one run of the ServerApp works with, and what it leaves behind.

    Attributes:
        watch: told of each settled round.
        reports: the run's report, once it is settled.
        package: the finished model, if the study audits one.
    """

    gate: Gate
    watch: Callable[[RoundReport], None] = lambda _: None
    reports: list[RunReport] = field(default_factory=list)
    package: bytes = b""


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


def gate_named(name: object) -> GateEntry:
    """The gate that a run names.

    Raises:
        KeyError: no such gate in this process.
    """
    return _GATES[str(name)]


def site_named(name: object) -> Answer:
    """The site that a node names.

    Raises:
        KeyError: no such site in this process.
    """
    return _SITES[str(name)]
