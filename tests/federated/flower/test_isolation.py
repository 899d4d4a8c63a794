"""Laws: a run in one process opens no socket; importing Flower through us looks nothing up and writes nothing."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from federated.flower.embedded import EmbeddedGrid, over_the_wire, run_embedded
from tests.federated.world import World


def test_an_embedded_run_opens_no_socket(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket.socket, "bind", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert run_embedded(world.gate, "study-1", world.answers).outcome == "completed"


def test_flowers_telemetry_is_off_before_flower_is_imported(tmp_path: Path) -> None:
    program = (
        "import sys; import federated.flower; assert 'flwr' not in sys.modules\n"
        "import federated.flower.embedded\n"
        "from flwr.supercore import telemetry\n"
        "assert telemetry.FLWR_TELEMETRY_ENABLED == '0', telemetry.FLWR_TELEMETRY_ENABLED\n"
    )
    environment = {"FLWR_TELEMETRY_ENABLED": "1", "HOME": str(tmp_path)}
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", program], check=True, env=environment, cwd=root)
    assert list(tmp_path.iterdir()) == []


def test_every_message_is_really_taken_apart(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What arrives is never the object that was sent."""
    from federated.flower import embedded

    passed: list[bool] = []

    def watched(message: object) -> object:
        arrived = over_the_wire(message)  # type: ignore[arg-type]
        passed.append(arrived is not message and arrived.content is not message.content)  # type: ignore[attr-defined]
        return arrived

    monkeypatch.setattr(embedded, "over_the_wire", watched)
    run_embedded(world.gate, "study-1", world.answers)
    assert len(passed) == 2 * 4 * 6
    assert all(passed)


def test_a_node_that_raises_answers_with_an_error_that_tells_nothing(world: World) -> None:
    from flwr.app import Message
    from flwr.clientapp import ClientApp
    from flwr.supercore.task_identity import TaskIdentity

    from federated.flower.wire import pack

    app = ClientApp()

    @app.query()
    def fail(message: Message, context: object) -> Message:
        raise ValueError("member 4711")

    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 7, 1
    grid = EmbeddedGrid(app, {2: {}}, run_id=7)
    (reply,) = grid.send_and_receive([Message(pack(b"order"), 2, "query")])
    assert reply.has_error()
    assert "4711" not in reply.error.reason
