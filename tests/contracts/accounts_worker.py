"""A process of its own that charges, for the contract of every ledger.

Workers are forked from a server that has imported the implementations, so a process costs milliseconds, and can be
killed like any other. Our tests are no package that another process could import: a worker runs this file by its path.
"""

import itertools
import pkgutil
import runpy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import consent_center.storage
from privacy.errors import OverBudgetError
from privacy.ledger import Accounts, Charge

_PROCESSES = get_context("forkserver")
_TABLES = [f"consent_center.storage.{one.name}" for one in pkgutil.iter_modules(consent_center.storage.__path__)]
_PROCESSES.set_forkserver_preload(["__main__", "federated.site.accounts", *_TABLES])


@contextmanager
def worker(
    connect: Callable[[], Accounts], charge: Charge, *, prefix: str, many: int | None
) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that opened the accounts and charges once it is sent anything.

    Args:
        connect: opens the accounts; picklable.
        charge: what it charges, each time under the next id.
        prefix: of the ids.
        many: how many; None for as long as it lives.

    Yields:
        The process, and what it says: the id of each admitted charge, then the end.
    """
    here, there = _PROCESSES.Pipe()
    job = {"connect": connect, "charge": charge, "prefix": prefix, "many": many, "pipe": there}
    process = _PROCESSES.Process(target=runpy.run_path, args=(__file__, {"JOB": job}), daemon=True)
    process.start()
    there.close()
    assert here.recv_bytes() == b"ready"
    try:
        yield process, here
    finally:
        process.kill()
        process.join()
        here.close()


def said(pipe: Connection) -> Iterator[str]:
    """Every id that a worker acknowledged, until it ends."""
    while True:
        try:
            yield pipe.recv_bytes().decode()
        except (EOFError, ConnectionResetError):
            return


def _work(connect: Callable[[], Accounts], charge: Charge, *, prefix: str, many: int | None, pipe: Connection) -> None:
    accounts = connect()
    pipe.send_bytes(b"ready")
    pipe.recv_bytes()
    for number in itertools.count() if many is None else range(many):
        try:
            accounts.charge(replace(charge, id=f"{prefix}-{number}"))
        except OverBudgetError:
            continue
        pipe.send_bytes(f"{prefix}-{number}".encode())
    pipe.close()


if (job := globals().get("JOB")) is not None:
    _work(**job)
