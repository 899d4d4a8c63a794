"""A run over sites on the network: the same ServerApp as embedded, on the fleet API of this process.

    link.register(public key of each site)  ->  sites connect  ->  run_deployed

The ServerApp's gate is whatever the caller hands in; a coordinator in its own process hands in `gate_http.HttpGate`.
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock

from federated.errors import Refusal, RefusedError
from federated.flower import server_app
from federated.flower.fleet import FleetLink
from federated.flower.gates import GATE, NODES, STUDY, GateEntry, nodes_text, registered_gate
from federated.flower.link_grid import LinkGrid
from federated.gate import Gate, RoundReport, RunReport

# Flower keeps the identity of the running task once per process, so runs take turns.
_ONE_RUN = Lock()
_LOOK_S = 0.05
PATIENCE_S = 90.0


def wait_for(link: FleetLink, sites: Mapping[str, int], *, timeout_s: float) -> None:
    """Wait until these sites are connected.

    Args:
        link: the fleet API.
        sites: site -> its node.
        timeout_s: for how long.

    Raises:
        RefusedError: `no-quorum`: some are not; says which.
    """
    until = time.monotonic() + timeout_s
    while missing := sorted(site for site, node in sites.items() if node not in link.online):
        if time.monotonic() >= until:
            raise RefusedError(Refusal.NO_QUORUM, f"not connected: {', '.join(missing)}; start these sites, try again")
        time.sleep(_LOOK_S)


def run_deployed(
    gate: Gate,
    study: str,
    link: FleetLink,
    sites: Mapping[str, int],
    *,
    watch: Callable[[RoundReport], None] = lambda _: None,
    patience_s: float = PATIENCE_S,
) -> RunReport:
    """Run an approved study over connected sites, or go on with the run of it that the gate has begun.

    Args:
        gate: the consent centre.
        study: what to run.
        link: the fleet API, started.
        sites: site -> its node, from `FleetLink.register`.
        watch: told of each round after it was settled.
        patience_s: how long sites that are away are waited for, at each step.

    Returns:
        The report that was settled.

    Raises:
        RefusedError: the consent centre did not admit the run.
    """
    config: dict[str, str | int] = {GATE: study, STUDY: study, NODES: nodes_text(sites)}
    with (
        _ONE_RUN,
        registered_gate(study, GateEntry(gate, watch, patience_s=patience_s)) as entry,
        LinkGrid(link, config) as grid,
    ):
        server_app.app(grid, grid.context)
        return entry.reports[0]
