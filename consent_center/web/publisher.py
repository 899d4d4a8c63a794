"""Keeps a published log fresh: every half second, what was appended since becomes tiles and a signed checkpoint.

For one process on SQLite (development, small programmes, tests). It never signs a second history: `audit.log.publish`
refuses, and then this thread stops and says so.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from audit.errors import BusyError
from audit.log.note import SignerKey
from audit.log.publish import publish

WAIT_S = 0.5


class Publisher:
    """A thread that publishes.

    Args:
        leaves_since: the leaves from an index on, in the order of the log.
        directory: where the log is served from.
        signer: the log's key.
        origin: the log's name.
    """

    def __init__(
        self, leaves_since: Callable[[int], list[bytes]], *, directory: Path, signer: SignerKey, origin: str
    ) -> None:
        self._leaves_since = leaves_since
        self._directory = directory
        self._signer = signer
        self._origin = origin
        self._size = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accord-publisher", daemon=True)

    def start(self) -> None:
        """Publish what there is, then go on in the background."""
        self.publish()
        self._thread.start()

    def publish(self) -> int:
        """Publish what was appended since, and return the size of the log."""
        leaves = self._leaves_since(self._size)
        if leaves or self._size == 0:
            done = publish(self._directory, leaves, self._signer, self._origin, with_bundles=True, start=self._size)
            self._size = done.checkpoint.size
        return self._size

    def stop(self) -> None:
        """Publish no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(WAIT_S):
            try:
                self.publish()
            except BusyError:
                continue
