"""A gate behind HTTPS on loopback, as the consent centre would serve it, for coordinators in their own process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.types import Receive, Scope, Send

from federated.errors import RefusedError
from federated.gate import Gate
from federated.gate_wire import (
    admission_bytes,
    parse_nonces,
    parse_round,
    parse_run,
    statements_bytes,
)
from federated.signed import encode


def answer(gate: Gate, path: str, body: bytes) -> bytes:
    """The answer to one question."""
    match path.rpartition("/")[2]:
        case "admit-run":
            return admission_bytes(gate.admit_run(body.decode()))
        case "admit-round":
            return statements_bytes(gate.admit_round(*parse_nonces(body)))
        case "settle-round":
            gate.settle_round(parse_round(body))
        case "settle-run":
            gate.settle_run(parse_run(body))
    return b""


@contextmanager
def serving(gate: Gate, port: int, certificate: Path, key: Path) -> Iterator[str]:
    """The gate's address while it is served."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, told = 200, b""
        try:
            told = answer(gate, scope["path"], body)
        except RefusedError as refused:
            status, told = 409, encode({"code": refused.code.value, "detail": str(refused)})
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": told})

    server = uvicorn.Server(
        uvicorn.Config(
            app, port=port, ssl_certfile=certificate, ssl_keyfile=key, log_level="critical", ws="none", lifespan="off"
        )
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"https://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(5)
