"""Every workflow, with each of its statements failing once: state and entry are written together or not at all.

A plugin of pytest (`-p faults.atomicity`): while the tests run, the first calls of each workflow are tried with the
first statement that writes failing, then with the second, and so on; after each failure the database must be what it
was. The attempt that nothing stopped is the real one: then state must not have changed without an entry, nor an entry
have been written without the state it is about. SQLite only: PostgreSQL runs the same workflows.

Where another thread wrote to the same database meanwhile, nothing is concluded, and the next call is tried instead.
"""

import functools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

from consent_center.storage.transaction import Store
from faults.planted import PLANTED, Connection, contents

REPORT = "ACCORD_ATOMICITY_REPORT"
CALLS = 2
"""How many calls of each workflow are tried."""

MOST_STATEMENTS = 60
LARGEST_DATABASE = 8 * 2**20

NOT_RECORDED = frozenset(
    {
        "answer",
        "browser_session",
        "cohort_preview",
        "last_visit",
        "log_head",
        "preview",
        "sign_in_link",
        "sign_in_pending",
        "staff_link",
        "staff_session",
    }
)
"""Tables that are no state of the programme: sessions and links, answers kept for a repeated request, what was counted
for a page, and how far the sequencer came."""

UNRECORDED = {
    "storage.ledger.charge": "alone only in the contract of accounts; a run's charges are in run.admitted",
    "workflows.propagate.claim_tasks": "a lease of a worker, no outcome",
    "workflows.propagate.record_attempts": "a failed attempt is tried again; what arrived or is late has an entry",
    "workflows.propagate.sweep_expiries": "the statement's entry says when it ends; what arrived or is late has one",
    "workflows.sign_in.sign_in_by_passkey": "when a passkey was last used; that it came or went has an entry",
}
"""Workflows that may change state without an entry, and why."""

ALONE = {
    "workflows.admit_site.approve_site": "a site approved again; who may connect is in files of the coordinator",
    "workflows.admit_site.hand_out_enrolments": "that a list left the database",
    "workflows.admit_site.invite_site": "that a document left the programme",
    "workflows.admit_site.revoke_site": "who may connect is in files of the coordinator",
    "workflows.answer_right.read_request": "that somebody looked",
    "workflows.export_statements.begin_export": "that a list left the database",
    "workflows.open_review.open_review": "that somebody looked",
    "workflows.read_member.read_member": "that somebody looked",
    "workflows.record_refusal.record_refusal": "that something was not done",
    "workflows.rotate_keys.record_destroyed": "that a key was destroyed, which was in a file",
}
"""Workflows that may write an entry and nothing else, and what it records: there is no row that could be missing."""

BESIDE_ENTRIES = frozenset({"entry", "payload", "leaf", "member_key", "sqlite_sequence"})
"""Tables that an entry itself is made of."""


@dataclass
class Seen:
    """What was tried, and what was wrong.

    Attributes:
        tried: workflow -> how many statements failed in its tries.
        wrong: what must not be, in words.
        unrecorded: workflow -> tables that changed without an entry, whether it may or not.
        alone: workflows that wrote an entry and nothing else, whether they may or not.
    """

    tried: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unrecorded: dict[str, list[str]] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


class Watched:
    """Stores whose workflows are tried."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self._one = threading.RLock()
        self._run, self._init = Store.run, Store.__init__
        self._began: Counter[Path] = Counter()
        self._ended: Counter[Path] = Counter()

    def install(self) -> None:
        """From now on every store of this process is watched."""
        watched = self

        def init(store: Store, writer: Any, reader: Any, **given: Any) -> None:
            if writer.dialect.name == "sqlite":

                @event.listens_for(writer, "do_connect")
                def _connect(dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
                    return dialect.loaded_dbapi.connect(*cargs, factory=Connection, **cparams)

                writer.dispose()
            watched._init(store, writer, reader, **given)

        def run(store: Store, workflow: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
            return watched.run(store, workflow, args, kwargs)

        Store.__init__, Store.run = init, run  # type: ignore[method-assign]

    def remove(self) -> None:
        """Let stores be as they were."""
        Store.__init__, Store.run = self._init, self._run  # type: ignore[method-assign]

    def run(self, store: Store, workflow: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Try a workflow with each of its statements failing, then let it be."""
        name, database = name_of(workflow), Path(str(store._writer.url.database))
        again = any(isinstance(one, Iterator) for one in (*args, *kwargs.values()))
        if (
            store.url_kind != "sqlite"
            or name is None
            or self.seen.calls[name] >= CALLS
            or again
            or database.stat().st_size > LARGEST_DATABASE
            or not self._one.acquire(timeout=5)
        ):
            self._began[database] += 1
            try:
                return self._run(store, workflow, *args, **kwargs)
            finally:
                self._ended[database] += 1
        try:
            return self._tried(store, name, workflow, args, kwargs, database)
        finally:
            PLANTED.arm(0)
            self._one.release()

    def _tried(self, store: Store, name: str, workflow: Any, args: Any, kwargs: Any, database: Path) -> Any:
        before, planted = _Before(self, database), PLANTED.within(workflow)
        for at in range(1, MOST_STATEMENTS):
            PLANTED.arm(at)
            try:
                result = self._run(store, planted, *args, **kwargs)
            except Exception:
                if not PLANTED.fired:
                    self._same(name, before.changed(), "a refusal")
                    raise
                self._same(name, before.changed(), f"its statement {at} failing", failed=1)
                continue
            if PLANTED.fired:
                self.seen.wrong.append(f"{name} went on although its statement {at} had failed")
            self._together(name, before.changed(), wrote=at > 1)
            return result
        self.seen.wrong.append(f"{name} has more than {MOST_STATEMENTS} statements: not all of them were tried")
        PLANTED.arm(0)
        return self._run(store, workflow, *args, **kwargs)

    def quiet(self, database: Path) -> int:
        """A number that stays the same as long as nobody else writes to the database; -1 while somebody does."""
        began = self._began[database]
        return began if began == self._ended[database] else -1

    def _same(self, name: str, changed: set[str] | None, why: str, *, failed: int = 0) -> None:
        if changed:
            self.seen.wrong.append(f"{name} left {', '.join(sorted(changed))} changed after {why}")
        if changed is not None:
            self.seen.tried[name] += failed

    def _together(self, name: str, changed: set[str] | None, *, wrote: bool) -> None:
        if changed is None or not wrote:
            return
        self.seen.calls[name] += 1
        state = changed - BESIDE_ENTRIES
        if state - NOT_RECORDED and "entry" not in changed:
            self.seen.unrecorded[name] = sorted({*self.seen.unrecorded.get(name, ()), *state - NOT_RECORDED})
        if "entry" in changed and not state:
            self.seen.alone.add(name)


class _Before:
    """A database as it was."""

    def __init__(self, watched: Watched, database: Path) -> None:
        self._watched, self._database, self._quiet = watched, database, watched.quiet(database)
        self._held = contents(database)

    def changed(self) -> set[str] | None:
        """The tables that have changed since; None if somebody else may have changed them."""
        after = contents(self._database)
        if self._quiet < 0 or self._watched.quiet(self._database) != self._quiet:
            return None
        return {table for table in after if after[table] != self._held.get(table)}


def name_of(workflow: Callable[..., Any]) -> str | None:
    """The module and name of a workflow; None if it is no function of ours."""
    while isinstance(workflow, functools.partial):
        workflow = workflow.func
    module = getattr(workflow, "__module__", "") or ""
    if not module.startswith(("consent_center.", "faults.")) or "<" in getattr(workflow, "__qualname__", "<"):
        return None
    return f"{module.removeprefix('consent_center.')}.{workflow.__qualname__}"


_SEEN = Seen()


def pytest_configure() -> None:
    """Watch from the start."""
    Watched(_SEEN).install()


def pytest_runtest_logfinish() -> None:
    """Leave the report where it was asked for, after every test: a run may be stopped."""
    if place := os.environ.get(REPORT):  # noqa: TID251 - a plugin has no settings to ask
        report = {
            "tried": _SEEN.tried,
            "wrong": _SEEN.wrong,
            "unrecorded": _SEEN.unrecorded,
            "alone": sorted(_SEEN.alone),
        }
        Path(place).write_text(json.dumps(report), encoding="utf-8")
