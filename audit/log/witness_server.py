"""A witness on the network: `POST /add-checkpoint`, and nothing else.

Serve it behind TLS. It needs no authentication: a request is worth what its signature is worth.

Source: C2SP tlog-witness.
"""

import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from typing import Any

from audit.errors import (
    ClockError,
    ConflictError,
    ConsistencyError,
    FormatError,
    LogError,
    SignatureError,
    UnknownLogError,
)
from audit.log.note import MAX_NOTE_SIZE
from audit.log.witness import Witness

MAX_BODY_SIZE = MAX_NOTE_SIZE + 10_000
MAX_CONNECTIONS = 128
IDLE_TIMEOUT_S = 30
LONGEST_S = 120
"""After so long a connection is ended, so that callers who send a byte now and then cannot hold them all."""

STATUSES: dict[type[LogError], HTTPStatus] = {
    FormatError: HTTPStatus.BAD_REQUEST,
    SignatureError: HTTPStatus.FORBIDDEN,
    UnknownLogError: HTTPStatus.NOT_FOUND,
    ConflictError: HTTPStatus.CONFLICT,
    ConsistencyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ClockError: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The one place where refusals become statuses."""


class WitnessServer(ThreadingHTTPServer):
    """A server for one witness: call `serve_forever` on it, and `shutdown` from another thread to stop."""

    daemon_threads = True

    def __init__(self, witness: Witness, address: tuple[str, int], now: Callable[[], int]) -> None:
        """Open it.

        Args:
            witness: who answers.
            address: host and port to listen at; port 0 takes a free one.
            now: the clock, in POSIX seconds.
        """
        super().__init__(address, _Handler)
        self.witness = witness
        self.now = now
        self.tls: ssl.SSLContext | None = None
        self._open: dict[socket, tuple[float, socket]] = {}
        self._counting = threading.Lock()

    def wrap_in_tls(self, certificate: Path, key: Path) -> None:
        """Speak TLS from now on; each handshake is made by the thread of its own connection.

        Raises:
            OSError: certificate or key cannot be used.
        """
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)

    def finish_request(self, request: socket | tuple[bytes, socket], client_address: object) -> None:
        """Shake hands first, where TLS is spoken."""
        if self.tls is None or not isinstance(request, socket):
            super().finish_request(request, client_address)
            return
        request.settimeout(IDLE_TIMEOUT_S)
        try:
            line = self.tls.wrap_socket(request, server_side=True)
        except OSError:  # whoever called did not speak TLS, or hung up
            return
        with line:
            with self._counting:
                self._open[request] = self._open[request][0], line
            super().finish_request(line, client_address)

    def process_request(self, request: socket | tuple[bytes, socket], client_address: Any) -> None:
        """Give a connection its thread; one too many is closed unheard."""
        if not isinstance(request, socket):
            return
        with self._counting:
            if len(self._open) < MAX_CONNECTIONS:
                self._open[request] = time.monotonic(), request
        if request not in self._open:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def close_request(self, request: socket | tuple[bytes, socket]) -> None:
        """Forget a connection that has ended."""
        if isinstance(request, socket):
            with self._counting:
                self._open.pop(request, None)
        super().close_request(request)

    def service_actions(self) -> None:
        """End connections that last too long; called twice a second while the server runs."""
        until = time.monotonic() - LONGEST_S
        with self._counting:
            for since, line in self._open.values():
                if since < until:
                    with suppress(OSError):  # it has just ended by itself
                        socket.shutdown(line, SHUT_RDWR)  # not that of TLS, which would go on in clear

    def server_bind(self) -> None:
        """Bind without asking the network for the host's full name, which can take seconds and is not used."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Pass over callers that hang up; anything else is a fault of ours, and shown."""
        if not isinstance(sys.exception(), ConnectionError | ssl.SSLError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # as it came from the caller


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_TIMEOUT_S
    server_version = "accord-witness"
    sys_version = ""
    server: WitnessServer

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._answer(HTTPStatus.BAD_REQUEST, b"the request needs a body of known length, not too long\n")
        elif self.path != "/add-checkpoint":
            self._answer(HTTPStatus.NOT_FOUND, b"this witness answers POST /add-checkpoint only\n")
        else:
            self._add_checkpoint(body)

    def _add_checkpoint(self, body: bytes) -> None:
        try:
            line = self.server.witness.add_checkpoint(body, at=self.server.now())
        except ConflictError as conflict:
            self._answer(HTTPStatus.CONFLICT, f"{conflict.size}\n".encode(), "text/x.tlog.size")
        except LogError as refusal:
            self._answer(STATUSES[type(refusal)], f"{refusal}\n".encode())
        except OSError:
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"the checkpoint could not be remembered; try again later\n")
        else:
            self._answer(HTTPStatus.OK, line)

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or len(self.headers.get_all("Content-Length", [])) > 1:
            return None
        if not (length.isascii() and length.isdigit()) or len(length) > 9 or int(length) > MAX_BODY_SIZE:
            return None
        return self.rfile.read(int(length))

    def _answer(self, status: HTTPStatus, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class names it so)
        """Log nothing: requests carry no secrets, but who asks when is nobody's business."""
