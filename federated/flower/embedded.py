"""The whole federation in one process: Flower's ServerApp and ClientApps, with Flower's own serialisation between them.

Every message is taken apart into the objects that Flower would send and put together again on the other side, so
nothing works here that would not work deployed. There are no sockets, and sites take turns.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from threading import Lock

from flwr.app import Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid

from federated.flower import client_app, server_app
from federated.flower.gates import (
    GATE,
    NODES,
    SITE,
    STUDY,
    Answer,
    GateEntry,
    nodes_text,
    registered_gate,
    registered_sites,
)
from federated.flower.internals import (
    NodeInfo,
    Run,
    TaskIdentity,
    described,
    get_all_nested_objects,
    inflate_object_from_contents,
    no_object_id_recompute,
)
from federated.gate import Gate, RoundReport, RunReport

COORDINATOR = 1
ERROR_IN_APP = 2

# Flower keeps the identity of the running task once per process, so embedded runs take turns.
_ONE_RUN = Lock()


class EmbeddedGrid(Grid):
    """Flower's grid without a network.

    Args:
        app: what runs at each node.
        sites: node -> its configuration.
        run_id: Flower's number of the run.
    """

    def __init__(self, app: ClientApp, sites: Mapping[int, Mapping[str, str]], *, run_id: int) -> None:
        self._app = app
        self._run = Run.create_empty(run_id)
        self._contexts = {
            node: Context(run_id=run_id, node_id=node, node_config=dict(config), state=RecordDict(), run_config={})
            for node, config in sites.items()
        }
        self._replies: dict[str, Message] = {}

    def set_run(self, run: Run) -> None:
        """Take Flower's description of the run."""
        self._run = run

    @property
    def run(self) -> Run:
        """Flower's description of the run."""
        return self._run

    def create_message(
        self, content: RecordDict, message_type: str, dst_node_id: int, group_id: str, ttl: float | None = None
    ) -> Message:
        """A message of this run."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """The nodes of this process."""
        return list(self._contexts)

    def get_nodes(self) -> Iterable[NodeInfo]:
        """The nodes of this process."""
        return [NodeInfo(node_id=node) for node in self._contexts]

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Deliver each message, run its node, and keep the reply."""
        sent = []
        for message in messages:
            arrived = over_the_wire(described(message, run_id=self._run.run_id, src_node_id=COORDINATOR))
            self._replies[arrived.metadata.message_id] = self._reply(arrived)
            sent.append(arrived.metadata.message_id)
        return sent

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """The replies to these messages, each once."""
        return [self._replies.pop(identity) for identity in list(message_ids) if identity in self._replies]

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Deliver messages and bring the replies; in one process nothing can time out."""
        del timeout
        return self.pull_messages(self.push_messages(messages))

    def _reply(self, message: Message) -> Message:
        try:
            reply = self._app(message, self._contexts[message.metadata.dst_node_id])
        except Exception as error:  # noqa: BLE001  as a SuperNode does: an error reply, never a raise, never its text
            reply = Message(Error(code=ERROR_IN_APP, reason=type(error).__name__), reply_to=message)
        return over_the_wire(reply)


def over_the_wire(message: Message) -> Message:
    """What arrives when Flower sends this message: taken apart into its objects' bytes and put together again."""
    with no_object_id_recompute():
        objects = {name: part.deflate() for name, part in get_all_nested_objects(message).items()}
        identity = message.object_id
    arrived = inflate_object_from_contents(identity, objects)
    if not isinstance(arrived, Message):
        raise TypeError("Flower's objects did not make a message")
    return described(arrived, message_id=identity)


def run_embedded(
    gate: Gate,
    study: str,
    sites: Mapping[str, Answer],
    *,
    watch: Callable[[RoundReport], None] = lambda _: None,
    package: bytes = b"",
) -> RunReport:
    """Run an approved study over sites in this process.

    Args:
        gate: the consent centre.
        study: what to run.
        sites: site -> `SiteAgent.answer`.
        watch: told of each round after it was settled.
        package: the finished model, if the study audits one.

    Returns:
        The report that was settled.

    Raises:
        RefusedError: the consent centre did not admit the run.
    """
    run_id = uuid.uuid4().int >> 65
    nodes = {site: COORDINATOR + index for index, site in enumerate(sites, start=1)}
    with (
        _ONE_RUN,
        registered_gate(study, GateEntry(gate, watch, package=package)) as entry,
        registered_sites(sites),
    ):
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, run_id, COORDINATOR
        grid = EmbeddedGrid(client_app.app, {node: {SITE: site} for site, node in nodes.items()}, run_id=run_id)
        context = Context(
            run_id=run_id,
            node_id=COORDINATOR,
            node_config={},
            state=RecordDict(),
            run_config={GATE: study, STUDY: study, NODES: nodes_text(nodes)},
        )
        server_app.app(grid, context)
        return entry.reports[0]
