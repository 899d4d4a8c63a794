"""`python -m federated.flower.worker`: one site behind a stock `flower-supernode --isolation process`.

One long-lived process takes each task of the SuperNode, runs the ClientApp that this site installed itself, and gives
the reply back. The bundle that comes with a task is never unpacked: a delivered one with other code changes nothing.
Stock Flower's own executor would start a process for each message and run the bundle.
"""

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import httpx
from flwr.app import Error, Message

from federated.flower import client_app
from federated.flower.installed import installed_site
from federated.flower.internals import (
    CLIENT_TASK,
    SUPEREXEC_METHODS,
    AcquireTaskRequest,
    RuntimeHttpClient,
    RuntimeTokenHttpInterceptor,
    RuntimeVersionHttpInterceptor,
    SubStatus,
    SuperExecAuthHttpInterceptor,
    make_simple_http_retry_invoker,
    pull_task_input,
    push_message,
    push_task_output,
)

ERROR_IN_APP = 2
POLL_S, LONGEST_WAIT_S = 0.05, 2.0
_LOG = logging.getLogger(__name__)


def work(address: str, *, secret: bytes, stopping: threading.Event) -> None:
    """Take tasks until stopped; a SuperNode that is gone is waited for.

    Args:
        address: host:port of the SuperNode's runtime API, on loopback.
        secret: the SuperNode's `--superexec-auth-secret-file`.
        stopping: set to stop.
    """
    client = _client(
        address,
        RuntimeVersionHttpInterceptor(component_name="SuperExec"),
        SuperExecAuthHttpInterceptor(master_secret=secret, protected_methods=SUPEREXEC_METHODS),
    )
    wait = POLL_S
    try:
        while not stopping.wait(wait):
            try:
                given = client.AcquireTask(AcquireTaskRequest(supported_task_types=[CLIENT_TASK]))
            except httpx.HTTPError as error:
                _LOG.info("the SuperNode does not answer (%s); trying again", type(error).__name__)
                wait = min(2 * wait, LONGEST_WAIT_S)
                continue
            wait = POLL_S
            if given.HasField("task") and given.token:
                _do(address, given.token)
    finally:
        client.close()


def _do(address: str, token: str) -> None:
    client = _client(
        address,
        RuntimeVersionHttpInterceptor(component_name="flwr-clientapp"),
        RuntimeTokenHttpInterceptor(token),
    )
    context, status, details = None, SubStatus.FAILED, "the task could not be fetched"
    try:
        message, context, _, _ = pull_task_input(client)
        try:
            reply = client_app.app(message, context)
            status, details = SubStatus.COMPLETED, ""
        except Exception as error:  # noqa: BLE001  its text may hold data: only its kind leaves
            details = type(error).__name__
            reply = Message(Error(code=ERROR_IN_APP, reason=details), reply_to=message)
        push_message(client, reply, context)
    except httpx.HTTPError as error:
        _LOG.warning("a task was lost (%s)", type(error).__name__)
    finally:
        push_task_output(client=client, context=context, sub_status=status, details=details)
        client.close()


def _client(address: str, *interceptors: Any) -> RuntimeHttpClient:
    return RuntimeHttpClient.from_server_address(
        server_address=address,
        insecure=True,  # the SuperNode's runtime API listens on loopback, beside this process
        root_certificates=None,
        interceptors=[*interceptors],
        retry_invoker=make_simple_http_retry_invoker(),
    )


def main(arguments: list[str]) -> int:
    """Run a site's worker until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m federated.flower.worker", description=__doc__.split("\n")[0])
    parser.add_argument("--supernode", default="127.0.0.1:9094", help="the SuperNode's runtime API, on loopback")
    parser.add_argument("--secret-file", type=Path, required=True, help="its --superexec-auth-secret-file")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    installed_site()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    work(given.supernode, secret=given.secret_file.read_bytes(), stopping=stopping)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
