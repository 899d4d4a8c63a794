"""`accord propagate`: the worker that tells recipients what they may no longer use."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from consent_center.propagator import Propagator, new_client
from consent_center.settings import Settings, clock
from consent_center.storage.transaction import Store
from consent_center.workflows.show_tasks import count_open_tasks
from privacy.keys import read_root_key

_out = Console(highlight=False, soft_wrap=True)


def propagate(
    *, once: Annotated[bool, typer.Option("--once", help="Try everything that is due now once, then end.")] = False
) -> None:
    """Tell recipients what they may no longer use, until stopped.

    Any number of these may run at once, on any machine, and be killed at any moment: no message is lost, and a
    recipient knows a repetition by its `webhook-id`.
    """
    settings = Settings.read()
    ring = read_root_key(Path(settings.root_key))
    with (
        Store.open(settings.database, keys=ring, create=not settings.production) as store,
        new_client() as client,
    ):
        worker = Propagator(store, clock, client)
        if not once:
            stop = threading.Event()
            for one in (signal.SIGTERM, signal.SIGINT):
                signal.signal(one, lambda *_: stop.set())
            _out.print("Telling recipients; stop with Ctrl-C.")
            worker.work(stop)
            return
        made = worker.drain()
        waiting = store.read(count_open_tasks)
    told = ", ".join(f"{recipient} {count}" for recipient, count in sorted(waiting.items())) or "none"
    _out.print(f"{made} messages tried; still open: {told}", markup=False)
    if waiting:
        raise typer.Exit(1)
