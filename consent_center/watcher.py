"""Looks every few seconds at what changed by itself, so that nobody has to click: contracts end, clocks run out.

Law: a look reads one snapshot and writes only what is not recorded yet, each study judged again in the transaction that
records it; what was missed while no process ran is recorded at the first look of the next one. One watcher works at a
time (on PostgreSQL an advisory lock; on SQLite the one writer); another one stands by and takes over.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

from consent_center.errors import ConsentCenterError
from consent_center.settings import clock
from consent_center.storage.transaction import Store
from consent_center.workflows.watch_audits import watch_audits
from consent_center.workflows.watch_studies import find_changes, watch_studies

INTERVAL_S = 5.0
LOCK = 0x77617463686572
"""The advisory lock of the one watcher of a PostgreSQL database: "watcher" in ASCII."""

_AUDITS_EVERY = 60
"""Audits fall due by the day: they are looked at once in so many looks."""

_log = logging.getLogger("consent_center.watcher")


@dataclass
class Watcher:
    """Watches the studies of a store.

    Attributes:
        store: whose studies.
        interval_s: how long it waits between two looks.
        now: the clock.
        failing: what went wrong at the last look and will be tried again; empty if nothing.
    """

    store: Store
    interval_s: float = INTERVAL_S
    now: Callable[[], datetime] = clock
    failing: str = field(default="", init=False)
    _looks: int = field(default=0, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def __enter__(self) -> Self:
        """Look once, then go on in the background."""
        self._thread = threading.Thread(target=self._work, name="accord-watcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Look no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def look(self) -> int:
        """Record what changed since the last look, if nobody else is at it; returns how many findings are new."""
        new, at = 0, self.now()
        changes = self.store.read(find_changes, at=at)
        audits = self._looks % _AUDITS_EVERY == 0
        self._looks += 1
        if changes or audits:
            with self.store.alone(LOCK) as run:
                if run is not None:
                    new += run(watch_studies, changes=changes, at=at) if changes else 0
                    new += run(watch_audits, at=at) if audits else 0
        return new

    def _work(self) -> None:
        while True:
            try:
                self.look()
                self.failing = ""
            except ConsentCenterError as failure:
                self.failing = str(failure)
                _log.warning("looking failed and is tried again: %s", failure)
            except Exception as fault:  # noqa: BLE001 - a fault of one look must not end the watch
                self.failing = type(fault).__name__
                _log.exception("looking failed by a fault of ours and is tried again")
            if self._stop.wait(self.interval_s):
                return
