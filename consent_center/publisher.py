"""Keeps the published log fresh: at most every 250 ms, what was written becomes tiles and a signed checkpoint.

Law: nothing is signed that could be a second history. Before it signs, the publisher holds the database against the
published checkpoint and against what its witnesses cosigned last; where the database is behind or differs, it stops,
says why, and waits for a person. Members go on being served meanwhile: entries need no signature to be written.

One publisher works at a time (on PostgreSQL an advisory lock, on every database a lock on the directory); another one
stands by and takes over. A witness that does not answer stops nothing; the age of the last cosignature is reported.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from audit.errors import BusyError, ConflictError, LogError, PublishError, VerificationError
from audit.log.checkpoint import Checkpoint, sign
from audit.log.cosignature import CosignerKey
from audit.log.hashing import EMPTY_ROOT
from audit.log.note import SignerKey
from audit.log.publish import publish, read_published, write_checkpoint
from audit.log.source import DirectorySource
from audit.log.tiles import TileSubtrees
from audit.log.witness_client import cosign
from consent_center.errors import LogHaltedError, LogRestoredError, StorageError
from consent_center.log_status import Status
from consent_center.settings import clock
from consent_center.storage import entries, sequencer
from consent_center.storage.transaction import Store

INTERVAL_S = 0.25
WINDOW_S = 60.0
"""For how long entries about members are gathered before they are shuffled into the log."""

COSIGN_EVERY_S = 10.0
_CHUNK = 16_384


@dataclass(frozen=True)
class WitnessAddress:
    """A witness that is asked to cosign.

    Attributes:
        address: its submission prefix, https://...
        key: its public key.
    """

    address: str
    key: CosignerKey


@dataclass
class Publisher:
    """Publishes the log of a store.

    Attributes:
        store: whose log.
        directory: where it is served from.
        signer: the log's key.
        origin: the log's name.
        window_s: how long entries about members are gathered; 0 in development only.
        interval_s: how long it waits between two checkpoints.
        witnesses: who is asked to cosign.
        now: the clock; only held against the entries' times.
        status: how it goes.
    """

    store: Store
    directory: Path
    signer: SignerKey
    origin: str
    window_s: float = WINDOW_S
    interval_s: float = INTERVAL_S
    witnesses: Sequence[WitnessAddress] = ()
    now: Callable[[], datetime] = clock
    status: Status = field(default_factory=Status, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _one: threading.RLock = field(default_factory=threading.RLock, init=False)
    _lead: contextlib.ExitStack | None = field(default=None, init=False)
    _run_alone: Callable[..., Any] | None = field(default=None, init=False)
    _window_opened: float | None = field(default=None, init=False)
    _held: tuple[int, float] | None = field(default=None, init=False)
    _cosigned: dict[str, tuple[float, int]] = field(default_factory=dict, init=False)
    _cosign_at: float = field(default=0.0, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Publish what there is, then go on in the background."""
        self.publish()
        self._thread = threading.Thread(target=self._work, name="accord-publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Publish no more, and let another publisher take over."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._one:
            self._resign()

    def publish(self) -> int:
        """Publish what can be published now, and return the size of the published log.

        Raises:
            LogHaltedError: signing would make a second history, or a witness knows more than the database.
            BusyError: another process publishes to the directory.
            StorageError: the database cannot be reached.
        """
        with self._one:
            run = self._leading()
            if run is not None:
                self._lead_on(run)
            return self.status.size

    def flush(self) -> int:
        """Publish everything, closing the window of entries about members early. For tests and the end of a demo."""
        with self._one:
            self._window_opened = float("-inf")
            return self.publish()

    def _work(self) -> None:
        while not self._stop.wait(self.interval_s):
            try:
                self.publish()
            except BusyError:
                continue
            except LogHaltedError as halted:
                with self._one:
                    self._resign()
                    self.status = replace(self.status, halted=str(halted))
                return
            except (StorageError, LogError, OSError) as failure:
                with self._one:
                    self._resign()
                    why = str(failure) if isinstance(failure, StorageError | LogError) else type(failure).__name__
                    self.status = replace(self.status, failing=why)

    def _lead_on(self, run: Callable[..., Any]) -> None:
        """Place, fold and sign until nothing waits; the database works on the next part while this one is signed.

        Should it end in between, the database is ahead of what is published, and the next publisher reads the leaves
        from there.
        """
        published = self._published(self.store.read(sequencer.head))
        with ThreadPoolExecutor(1, thread_name_prefix="accord-sequencer") as ahead:
            head = self._advance(run)
            while True:
                following = ahead.submit(self._advance, run) if head.more else None
                self._watch(head, time.monotonic())
                if head.size > published.size or not published.note:
                    self._sign(published, head)
                published = _Published(head.size, note=True)
                self.status = replace(self.status, leading=True, size=head.size, halted="", failing="")
                if following is None:
                    break
                head = following.result()
        now = time.monotonic()
        if self.witnesses and now >= self._cosign_at:
            self._cosign_at = now + COSIGN_EVERY_S
            self._ask_witnesses()

    def _advance(self, run: Callable[..., Any]) -> sequencer.Head:
        """Let the database place what waits, also of members if their window has closed."""
        opened, now = self._window_opened, time.monotonic()
        closing = opened is None or now - opened >= self.window_s
        head: sequencer.Head = run(sequencer.advance, members=closing and opened is not None, at=self.now())
        if opened is None or (closing and not head.more):
            self._window_opened = now
        return head

    def _leading(self) -> Callable[..., Any] | None:
        """Become the one that works, if nobody else is; the first time, ask the witnesses what they know."""
        if self._lead is not None:
            return self._run_alone
        stack = contextlib.ExitStack()
        run = stack.enter_context(self.store.alone(sequencer.LOCK))
        if run is None:
            stack.close()
            self.status = replace(self.status, leading=False)
            return None
        try:
            self._hear_witnesses(self.store.read(sequencer.head))
        except BaseException:
            stack.close()
            raise
        self._lead, self._run_alone = stack, run
        if self.window_s == 0:
            self._window_opened = float("-inf")
        return run

    def _resign(self) -> None:
        if self._lead is not None:
            self._lead.close()
            self._lead = self._run_alone = None
        self._window_opened = None
        self.status = replace(self.status, leading=False)

    def _published(self, head: sequencer.Head) -> "_Published":
        try:
            found = read_published(self.directory, self.signer.verifier, self.origin)
        except VerificationError as failure:
            raise LogHaltedError(f"the published checkpoint is not this log's: {failure}") from failure
        if found is None:
            return _Published(0, note=False)
        if found.size > head.size or (found.size == head.size and found.root != head.root):
            raise LogRestoredError(
                f"{found.size} entries are published and the database has {head.size}, or others: restore the newer "
                "database, or bring the published entries back with `accord log recover`"
            )
        return _Published(found.size, note=True)

    def _sign(self, published: "_Published", head: sequencer.Head) -> None:
        leaves: Iterator[bytes] | Sequence[bytes] = head.fresh
        if published.size != head.size - len(head.fresh):
            leaves = self._leaves(published.size, head.size)
        try:
            publish(
                self.directory,
                leaves,
                self.signer,
                self.origin,
                with_bundles=True,
                start=published.size,
                root=head.root,
            )
        except BusyError:
            raise
        except (PublishError, VerificationError) as failure:
            raise LogRestoredError(str(failure)) from failure

    def _leaves(self, start: int, stop: int) -> Iterator[bytes]:
        for first in range(start, stop, _CHUNK):
            yield from self.store.read(entries.leaves_between, first, min(first + _CHUNK, stop))

    def _watch(self, head: sequencer.Head, now: float) -> None:
        if head.held_below is None:
            self._held = None
        elif self._held is None or self._held[0] != head.held_below:
            self._held = head.held_below, now
        lag = 0.0 if self._held is None else now - self._held[1]
        self.status = replace(self.status, lag_s=lag, clock_behind_s=head.clock_behind_s)

    def _hear_witnesses(self, head: sequencer.Head) -> None:
        """Refuse to sign if a witness has cosigned more than the database holds.

        An empty checkpoint is the beginning of every history, so asking with it commits to nothing.
        """
        if not self.witnesses:
            return
        empty = sign(Checkpoint(self.origin, 0, EMPTY_ROOT), self.signer)
        heard, silent = 0, ""
        for one in self.witnesses:
            try:
                cosign(one.address, one.key, empty, TileSubtrees(0, DirectorySource(self.directory).read))
            except ConflictError as answer:
                if answer.size > head.size:
                    raise LogRestoredError(
                        f"a witness has cosigned {answer.size} entries and the database has {head.size}: restore the "
                        "newer database, or bring the published entries back with `accord log recover`"
                    ) from None
            except LogError as failure:
                silent = str(failure)
                continue
            heard += 1
        if not heard:
            raise StorageError(f"no witness answers, and none is signed for before one does: {silent}")

    def _ask_witnesses(self) -> None:
        note = DirectorySource(self.directory).read("checkpoint")
        subtrees = TileSubtrees(self.status.size, DirectorySource(self.directory).read)
        now, lines = time.monotonic(), []
        for one in self.witnesses:
            last = self._cosigned.setdefault(one.address, (now, 0))
            try:
                lines.append(cosign(one.address, one.key, note, subtrees, old_size=last[1]))
            except ConflictError as conflict:
                if conflict.fork or conflict.size > self.status.size:
                    raise LogRestoredError(f"the witness at {one.address} knows another history: {conflict}") from None
                continue
            except LogError:
                continue
            self._cosigned[one.address] = now, self.status.size
        if lines:
            write_checkpoint(self.directory, note + b"".join(lines))
        oldest = min(self._cosigned[one.address][0] for one in self.witnesses)
        self.status = replace(self.status, unwitnessed_s=now - oldest)


@dataclass(frozen=True)
class _Published:
    size: int
    note: bool
