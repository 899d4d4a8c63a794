"""Flower's grid of one run, directly on the state that the fleet API serves: no third process, no polling."""

import time
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from flwr.app import Context, Message, RecordDict

from federated.flower.fleet import FleetLink
from federated.flower.internals import (
    NOOP_FEDERATION_ID,
    NOOP_FLWR_AID,
    SUPERLINK_NODE_ID,
    HeartbeatSender,
    InMemoryGrid,
    SubStatus,
    TaskIdentity,
    TaskType,
    described,
)

LOOK_AGAIN_S = 1.0


class LinkGrid(InMemoryGrid):
    """A run of Flower's from `with` to its end.

    Args:
        link: the fleet API.
        run_config: what the ServerApp is told.
    """

    def __init__(self, link: FleetLink, run_config: Mapping[str, str | int]) -> None:
        super().__init__(link.factory)
        self._link = link
        settings: dict[str, bool | float | int | str] = dict(run_config)
        number = link.state.create_run(
            None, None, None, settings, NOOP_FEDERATION_ID, None, NOOP_FLWR_AID, TaskType.SERVER_APP
        )
        self.set_run(link.state.get_run_info(run_ids=[number])[0])
        task = self.run.primary_task_id
        if task is None or not (link.state.claim_task(task) and link.state.activate_task(task)):
            raise RuntimeError("Flower did not start the run; start it again")
        self._task = task
        self.context = Context(
            run_id=number, node_id=SUPERLINK_NODE_ID, node_config={}, state=RecordDict(), run_config=settings
        )
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = task, number, SUPERLINK_NODE_ID
        self._heartbeat = HeartbeatSender(lambda: link.state.acknowledge_task_heartbeat(task))

    def __enter__(self) -> Self:
        """Keep the run alive."""
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the run, as failed if something was raised."""
        self._heartbeat.stop()
        status = SubStatus.COMPLETED if kind is None else SubStatus.FAILED
        self.state.finish_task(self._task, status, "" if kind is None else kind.__name__)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Put messages before their nodes, and wake those who wait for one."""
        sent = [described(one, run_id=self.run.run_id, src_node_id=SUPERLINK_NODE_ID) for one in messages]
        identities: Iterable[str] = super().push_messages(sent)
        self._link.wake({one.metadata.dst_node_id for one in sent})
        return identities

    def send_and_receive(self, messages: Iterable[Message], *, timeout: float | None = None) -> Iterable[Message]:
        """Send, and bring the replies that come within `timeout` seconds."""
        waiting = set(self.push_messages(messages))
        until = None if timeout is None else time.monotonic() + timeout
        replies: list[Message] = []
        while waiting and (until is None or time.monotonic() < until):
            stored = self._link.stored
            got = list(self.pull_messages(waiting))
            replies += got
            waiting -= {one.metadata.reply_to_message_id for one in got}
            if waiting:  # nodes that went offline show up without a reply, so look again now and then
                left = LOOK_AGAIN_S if until is None else min(LOOK_AGAIN_S, max(until - time.monotonic(), 0.0))
                with self._link.replies:
                    self._link.replies.wait_for(lambda seen=stored: self._link.stored != seen, left)  # type: ignore[misc]
        return replies
