"""The ServerApp: the coordinator's round loop on Flower's message API.

    query      an order, answered with a nonce; the steps of an exchange
    train      a training round
    evaluate   a round that evaluates or audits

The run's configuration names the gate, the study and the node of each site.
"""

import logging
from collections.abc import Mapping

from flwr.app import Context, Message
from flwr.serverapp import Grid, ServerApp

from federated.coordinator import run_study
from federated.errors import MalformedError
from federated.flower.gates import GATE, NODES, STUDY, gate_named, nodes_of
from federated.flower.installed import installed_gate
from federated.flower.wire import conversation
from federated.local_round import Patience
from federated.plan import Kind

# Below the minute that a statement of removals is good for: a site that was away longer needs a fresh one.
ROUND_TIMEOUT_S = 45.0

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the study that this run's configuration names."""
    settings = context.run_config
    entry = gate_named(settings.get(GATE)) or installed_gate()
    ask = FlowerAsk(grid, nodes_of(settings[NODES]))
    report = run_study(
        entry.gate,
        str(settings[STUDY]),
        ask=ask,
        watch=entry.watch,
        package=entry.package,
        patience=Patience(entry.patience_s),
    )
    entry.reports.append(report)


class FlowerAsk:
    """Sends one message to each site's node and brings the answers; a node that fails or is silent is absent."""

    def __init__(self, grid: Grid, nodes: Mapping[str, int]) -> None:
        self._grid = grid
        self._nodes = nodes

    def __call__(self, kind: Kind | None, number: int, messages: Mapping[str, bytes]) -> dict[str, bytes]:
        """See `coordinator.Ask`."""
        talks = {site: conversation(message) for site, message in messages.items() if site in self._nodes}
        sending = {site: next(talk) for site, talk in talks.items()}
        sites = {self._nodes[site]: site for site in talks}
        answers: dict[str, bytes] = {}
        while sending:
            outgoing = [
                Message(content, self._nodes[site], _message_type(kind), group_id=str(number))
                for site, content in sending.items()
            ]
            sending = {}
            for reply in self._grid.send_and_receive(outgoing, timeout=ROUND_TIMEOUT_S):
                site = sites.get(reply.metadata.src_node_id)
                if site is None or reply.has_error():
                    continue
                try:
                    sending[site] = talks[site].send(reply.content)
                except StopIteration as done:
                    answers[site] = done.value
                except MalformedError:
                    logging.getLogger(__name__).warning("an answer to round %d held no message", number)
        return answers


def _message_type(kind: Kind | None) -> str:
    match kind:
        case None | "exchange":
            return "query"
        case "train":
            return "train"
        case "evaluate" | "audit" | "score":
            return "evaluate"
