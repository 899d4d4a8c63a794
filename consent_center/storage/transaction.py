"""The store: runs write workflows, one transaction each, and read queries, one snapshot each. It alone commits.

SQLite has one writer. Its thread takes what waits in the queue, opens one BEGIN IMMEDIATE, gives each request a
savepoint of its own, and commits them all with one fsync (`synchronous=FULL`); an answer is given only after the
commit. PostgreSQL commits each request in a transaction of its own.

Invariant: a caller that has its result finds it after a power cut; a caller that got an error left nothing behind.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, SQLModel

from consent_center.errors import StorageError, StoreClosedError
from consent_center.events import Event
from consent_center.storage import entries, schema
from consent_center.storage.columns import EntryId
from consent_center.storage.engines import engines, storage_errors
from consent_center.storage.migrate import is_current
from privacy.keys import Wrapper

__all__ = ["EntryId", "Store", "Transaction"]

P = ParamSpec("P")
R = TypeVar("R")
_GROUP = 256


@dataclass
class Transaction:
    """What workflows and queries are handed: pass it on to storage modules, never look inside.

    Attributes:
        session: for storage modules only.
        keys: wraps and unwraps members' keys.
        warm: state derived from committed rows only, kept between transactions by this process.
        dialect: "sqlite" or "postgresql".
        store: where it runs.
        writing: may it write? Then it sees rows that are not committed yet.
    """

    session: Session
    keys: Wrapper
    warm: dict[str, Any]
    dialect: str
    store: "Store"
    writing: bool = False

    @contextmanager
    def committed(self) -> Iterator["Transaction"]:
        """A snapshot of what is committed: this transaction itself if it only reads, another one if it writes."""
        if not self.writing:
            yield self
            return
        with self.store.snapshot() as seen:
            yield seen

    def append(self, happened: Event, *, at: Any = None) -> EntryId:
        """Write an audit entry in this transaction.

        Args:
            happened: the event.
            at: when it is recorded; by default the workflow's own `at`.
        """
        return self.append_all([happened], at=at)[0]

    def append_all(
        self, happened: Sequence[Event], *, at: Any = None, beside: entries.Beside | None = None
    ) -> list[EntryId]:
        """Write many audit entries in this transaction, in this order, and beside them the rows that name them."""
        when = at if at is not None else self.session.info["at"]
        return entries.append(self, happened, at=when, beside=beside)


@dataclass
class _Job:
    work: Callable[[Transaction], Any]
    at: Any
    done: "Future[Any]"


class Store:
    """A database with the consent centre's tables."""

    def __init__(self, writer: Engine, reader: Engine, *, keys: Wrapper) -> None:
        self._writer, self._reader, self._keys = writer, reader, keys
        self.url_kind = writer.dialect.name
        self._warm: dict[str, Any] = {}
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        if writer.dialect.name == "sqlite":
            self._thread = threading.Thread(target=self._write_groups, name="accord-writer", daemon=True)
            self._thread.start()

    @classmethod
    def open(cls, url: str, *, keys: Wrapper, create: bool = True) -> Self:
        """Open a store, with its tables.

        Args:
            url: see `engines`.
            keys: the tenant's key ring.
            create: make missing tables (development, tests, demo); production migrates.

        Raises:
            SettingsError: see `engines`.
            StorageError: it cannot be opened.
        """
        writer, reader = engines(url)
        schema.load()
        try:
            if create:
                SQLModel.metadata.create_all(writer)
            elif not is_current(url):
                raise StorageError("the database is of another release: run python -m consent_center.storage.migrate")
        except SQLAlchemyError as error:
            raise StorageError("the database cannot be opened: check its address and that its folder exists") from error
        return cls(writer, reader, keys=keys)

    def run(self, workflow: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a write workflow in one transaction and return what it returned, once it is durable.

        Raises:
            Whatever the workflow raises; then nothing of it was written.
            StorageError: the database could not do it; nothing was written.
        """
        if self._closed.is_set():
            raise StoreClosedError("the store is closed")
        job = _Job(lambda tx: workflow(tx, *args, **kwargs), kwargs.get("at"), Future())
        if self._thread is None:
            with Session(self._writer, expire_on_commit=False) as session:
                self._commit_one(session, job)
        else:
            self._jobs.put(job)
        result: R = job.done.result()
        return result

    def read(self, query: Callable[Concatenate[Transaction, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a query on one read-only snapshot."""
        if self._closed.is_set():
            raise StoreClosedError("the store is closed")
        with self.snapshot() as tx:
            tx.session.info["at"] = kwargs.get("at")
            return query(tx, *args, **kwargs)

    @contextmanager
    def snapshot(self) -> Iterator[Transaction]:
        """A read-only transaction on one snapshot of what is committed."""
        with storage_errors(), Session(self._reader, expire_on_commit=False) as session:
            yield self._transaction(session, writing=False)

    @contextmanager
    def driver(self) -> Iterator[Any]:
        """The driver's own connection, where each statement commits: for a storage module whose write is one or two.

        What is left open when the block ends is rolled back.

        Raises:
            StoreClosedError: the store is closed.
            StorageError: the database could not do it; whether a commit went through is then unknown.
        """
        if self._closed.is_set():
            raise StoreClosedError("the store is closed")
        with storage_errors():
            pooled = self._writer.raw_connection()
            connection: Any = pooled.driver_connection
            try:
                if self.url_kind == "postgresql":
                    connection.autocommit = True
                yield connection
            except self._writer.dialect.loaded_dbapi.Error as error:
                raise StorageError(f"the database refused ({type(error).__name__}): try again") from None
            finally:
                if self.url_kind == "postgresql" and not connection.closed:
                    connection.autocommit = False
                pooled.close()

    @contextmanager
    def alone(self, lock: int) -> Iterator[Callable[..., Any] | None]:
        """Something that runs write workflows as the only one of its kind; None while somebody else holds the lock.

        On PostgreSQL one session holds an advisory lock and runs the workflows itself, so that whoever loses the
        session has lost the lock and can write nothing more. On SQLite it is `run`: there is one writer anyway.

        Args:
            lock: number of the advisory lock.

        Raises:
            StorageError: the database cannot be reached.
        """
        if self._thread is not None:
            yield self.run
            return
        with storage_errors():
            connection = self._writer.connect()
            try:
                held = connection.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (lock,)).scalar_one()
                connection.commit()
            except BaseException:
                connection.close()
                raise

        def run(workflow: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            job = _Job(lambda tx: workflow(tx, *args, **kwargs), kwargs.get("at"), Future())
            with Session(connection, expire_on_commit=False) as session:
                self._commit_one(session, job)
            return job.done.result()

        try:
            yield run if held else None
        finally:
            connection.invalidate()  # ends the session, and with it the lock
            connection.close()

    def close(self) -> None:
        """Finish what waits, then close."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
        self._reader.dispose()
        self._writer.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _transaction(self, session: Session, *, writing: bool) -> Transaction:
        return Transaction(session, self._keys, self._warm, self._writer.dialect.name, self, writing)

    def _commit_one(self, session: Session, job: _Job) -> None:
        session.info["at"] = job.at
        with storage_errors():
            try:
                result = job.work(self._transaction(session, writing=True))
                session.commit()
            except BaseException:
                session.rollback()
                raise
        job.done.set_result(result)

    def _write_groups(self) -> None:
        """The writer thread of SQLite."""
        open_for_more = True
        while open_for_more:
            jobs = [self._jobs.get(), *islice(self._waiting(), _GROUP - 1)]
            open_for_more = None not in jobs
            group = [job for job in jobs if job is not None]
            if group:
                self._commit_group(group)
        for late in self._waiting():
            if late is not None:
                late.done.set_exception(StoreClosedError("the store was closed"))

    def _waiting(self) -> Iterator[_Job | None]:
        with suppress(queue.Empty):
            while True:
                yield self._jobs.get_nowait()

    def _commit_group(self, group: list[_Job]) -> None:
        answers: list[tuple[_Job, Any, BaseException | None]] = []
        try:
            with storage_errors(), Session(self._writer, expire_on_commit=False) as session:
                answers.extend((job, *self._attempt(session, job)) for job in group)
                session.commit()
        except BaseException as error:  # noqa: BLE001 - the writer thread must live, and every caller be told
            for job in group:
                job.done.set_exception(error)
            return
        for job, result, failure in answers:
            if failure is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(failure)

    def _attempt(self, session: Session, job: _Job) -> tuple[Any, BaseException | None]:
        session.info["at"] = job.at
        savepoint = session.begin_nested()
        try:
            with storage_errors():
                result = job.work(self._transaction(session, writing=True))
                savepoint.commit()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whose thread this is not
            savepoint.rollback()
            return None, error
        return result, None
