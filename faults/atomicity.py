"""Every workflow, with each of its statements failing once: state and entry are written together or not at all.

A plugin of pytest (`-p faults.atomicity`): while the tests run, the first calls of each workflow are tried with the
first statement that writes failing, then with the second, and so on; after each failure the database must be what it
was. The attempt that nothing stopped is the real one: then state must not have changed without an entry, nor an entry
have been written without the state it is about. SQLite only: PostgreSQL runs the same workflows.

Which workflows there are is read off the source, so that a new one cannot be forgotten.
"""

import ast
import functools
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import event

import consent_center
from consent_center.storage.bulk import insert_rows
from consent_center.storage.key_generations import KeyGenerationRow
from consent_center.storage.transaction import Store
from faults.world import KEYS, NOW, Outcome, act

REPORT = "ACCORD_ATOMICITY_REPORT"
CALLS = 2
"""How many calls of each workflow are tried."""

MOST_STATEMENTS = 60
LARGEST_DATABASE = 8 * 2**20

NOT_RECORDED = frozenset(
    {
        "answer",
        "begun",
        "browser_session",
        "cohort_preview",
        "last_visit",
        "log_head",
        "preview",
        "rate",
        "sign_in_address",
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
    "storage.sequencer.advance": "gives entries their places",
    "workflows.propagate.claim_tasks": "a lease of a worker, no outcome",
    "workflows.propagate.record_attempts": "a failed attempt is tried again; what arrived or is late has an entry",
}
"""Workflows that may change state without an entry, and why."""

BESIDE_ENTRIES = frozenset({"entry", "payload", "leaf", "member_key", "sqlite_sequence"})
"""Tables that an entry itself is made of."""


@dataclass
class Seen:
    """What was tried, and what was wrong.

    Attributes:
        tried: workflow -> how many statements failed in its tries.
        wrong: what must not be, in words.
        unrecorded: workflow -> tables that changed without an entry.
        alone: workflows that wrote an entry and nothing else, such as those that record a look.
    """

    tried: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    unrecorded: dict[str, list[str]] = field(default_factory=dict)
    alone: set[str] = field(default_factory=set)


class _Planted:
    """Which statement fails next: the `at`-th that writes; 0 for none."""

    def __init__(self) -> None:
        self.at, self.count, self.fired, self.running = 0, 0, False, False

    def arm(self, at: int) -> None:
        self.at, self.count, self.fired = at, 0, False

    def within(self, workflow: Callable[..., Any]) -> Callable[..., Any]:
        """The workflow; only its own statements are counted, not those of its neighbours in a group."""

        def run(tx: Any, *args: Any, **kwargs: Any) -> Any:
            self.running = True
            try:
                result = workflow(tx, *args, **kwargs)
                tx.session.flush()
                return result
            finally:
                self.running = False

        return run

    def statement(self, sql: str) -> None:
        if self.running and self.at and sql.lstrip()[:6].upper() in {"INSERT", "UPDATE", "DELETE", "REPLAC"}:
            self.count += 1
            if self.count == self.at:
                self.fired = True
                raise sqlite3.OperationalError("planted: this statement fails")


_PLANTED = _Planted()


class _Cursor(sqlite3.Cursor):
    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        _PLANTED.statement(sql)
        return super().execute(sql, *given)

    def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
        _PLANTED.statement(sql)
        return super().executemany(sql, *given)


class _Connection(sqlite3.Connection):
    def cursor(self, *_: Any, **__: Any) -> sqlite3.Cursor:
        return super().cursor(_Cursor)

    def execute(self, sql: str, *given: Any) -> sqlite3.Cursor:
        return self.cursor().execute(sql, *given)

    def executemany(self, sql: str, *given: Any) -> sqlite3.Cursor:
        return self.cursor().executemany(sql, *given)


class Watched:
    """Stores whose workflows are tried."""

    def __init__(self, seen: Seen) -> None:
        self.seen = seen
        self._one = threading.RLock()
        self._run, self._init = Store.run, Store.__init__

    def install(self) -> None:
        """From now on every store of this process is watched."""
        watched = self

        def init(store: Store, writer: Any, reader: Any, **given: Any) -> None:
            if writer.dialect.name == "sqlite":

                @event.listens_for(writer, "do_connect")
                def _connect(dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
                    return dialect.loaded_dbapi.connect(*cargs, factory=_Connection, **cparams)

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
            return self._run(store, workflow, *args, **kwargs)
        try:
            return self._tried(store, name, workflow, args, kwargs, database)
        finally:
            _PLANTED.arm(0)
            self._one.release()

    def _tried(self, store: Store, name: str, workflow: Any, args: Any, kwargs: Any, database: Path) -> Any:
        before, planted = contents(database), _PLANTED.within(workflow)
        for at in range(1, MOST_STATEMENTS):
            _PLANTED.arm(at)
            try:
                result = self._run(store, planted, *args, **kwargs)
            except Exception:
                if not _PLANTED.fired:
                    self._same(name, before, database, "a refusal")
                    raise
                self.seen.tried[name] += 1
                self._same(name, before, database, f"its statement {at} failing")
                continue
            if _PLANTED.fired:
                self.seen.wrong.append(f"{name} went on although its statement {at} had failed")
            if at > 1:
                self.seen.calls[name] += 1
            self._together(name, before, contents(database))
            return result
        _PLANTED.arm(0)
        return self._run(store, workflow, *args, **kwargs)

    def _same(self, name: str, before: dict[str, int], database: Path, why: str) -> None:
        after = contents(database)
        if changed := sorted(table for table in after if after[table] != before.get(table)):
            self.seen.wrong.append(f"{name} left {', '.join(changed)} changed after {why}")

    def _together(self, name: str, before: dict[str, int], after: dict[str, int]) -> None:
        changed = {table for table in after if after[table] != before.get(table)}
        state = changed - BESIDE_ENTRIES - NOT_RECORDED
        if state and "entry" not in changed and name not in UNRECORDED:
            self.seen.unrecorded[name] = sorted({*self.seen.unrecorded.get(name, ()), *state})
        if "entry" in changed and not state:
            self.seen.alone.add(name)


def contents(database: Path) -> dict[str, int]:
    """Table -> a hash of its rows, as the database stands committed."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: hash(tuple(map(repr, connection.execute(f'SELECT * FROM "{name}"')))) for name in names}
    finally:
        connection.close()


def name_of(workflow: Callable[..., Any]) -> str | None:
    """The module and name of a workflow; None if it is no function of ours."""
    while isinstance(workflow, functools.partial):
        workflow = workflow.func
    module = getattr(workflow, "__module__", "") or ""
    if not module.startswith(("consent_center.", "faults.")) or "<" in getattr(workflow, "__qualname__", "<"):
        return None
    return f"{module.removeprefix('consent_center.')}.{workflow.__qualname__}"


def workflows() -> set[str]:
    """Every workflow that some part of the consent centre hands to the store to be run, read off the source."""
    found: set[str] = set()
    root = Path(str(consent_center.__file__)).parent
    for place in root.rglob("*.py"):
        found |= _handed_over(ast.parse(place.read_text(encoding="utf-8")))
    return found


def _handed_over(tree: ast.Module) -> set[str]:
    imported: dict[str, str] = {}
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("consent_center."):
            inside = str(node.module).removeprefix("consent_center.")
            for one in node.names:
                imported[one.asname or one.name] = f"{inside}.{one.name}"
                modules[one.asname or one.name] = f"{inside}.{one.name}"
    found = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "run"
            and node.args
        ):
            handed = node.args[0]
            if isinstance(handed, ast.Name) and handed.id in imported:
                found.add(imported[handed.id])
            if isinstance(handed, ast.Attribute) and isinstance(handed.value, ast.Name) and handed.value.id in modules:
                found.add(f"{modules[handed.value.id]}.{handed.attr}")
    return {name for name in found if name.startswith(("workflows.", "storage."))}


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


def try_tests(*tests: str, marks: str = "not postgres and not fault") -> dict[str, Any]:
    """Run tests with this plugin in a process of their own and return the report."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "faults.atomicity",
            "-p",
            "no:cacheprovider",
            "-m",
            marks,
        ]
        subprocess.run(
            [*command, *tests],
            cwd=Path(str(consent_center.__file__)).parents[1],
            env={**os.environ, REPORT: str(place)},  # noqa: TID251 - the tests inherit the path they run under
            stdout=subprocess.DEVNULL,
            check=False,
        )
        found: dict[str, Any] = json.loads(place.read_text(encoding="utf-8"))
        return found


TESTS = ("tests/consent_center", "tests/rights", "tests/offers", "tests/portal", "tests/console", "tests/audits")


def every_workflow() -> Outcome:
    """Each statement of every workflow fails once; what no test ever runs is named."""
    report, known = try_tests(*TESTS), workflows()
    never = sorted(known - set(report["tried"]))
    outcome = Outcome("every workflow, each of its statements failing")
    outcome.also.append(f"{sum(report['tried'].values())} statements failed in {len(report['tried'])} workflows")
    outcome.failures += report["wrong"]
    outcome.failures += [f"{name} changed {', '.join(tables)} alone" for name, tables in report["unrecorded"].items()]
    if never:
        outcome.failures.append(f"never tried: {', '.join(never)}")
    outcome.control = planted_is_seen()
    return outcome


def planted_is_seen() -> str:
    """Workflows with a planted fault, tried in this process: what the harness said, empty if it saw nothing."""
    seen = Seen()
    with tempfile.TemporaryDirectory() as folder:
        watched = Watched(seen)
        watched.install()
        try:
            with Store.open(f"sqlite:///{folder}/a.db", keys=KEYS) as store:
                store.run(swallows, at=NOW)
                store.run(says_nothing, at=NOW)
        finally:
            watched.remove()
    if len(seen.wrong) == 1 and len(seen.unrecorded) == 1:
        return f"planted: {seen.wrong[0]}; {min(seen.unrecorded)} changed state without an entry"
    return ""


def swallows(tx: Any, *, at: Any) -> None:
    """A workflow as it must not be: it goes on after a statement that failed."""
    try:
        act(tx, "first", at=at)
    except sqlite3.Error:
        act(tx, "second", at=at)


def says_nothing(tx: Any, *, at: Any) -> None:  # noqa: ARG001 - every workflow takes the time
    """A workflow as it must not be: it changes state without an entry."""
    insert_rows(tx, KeyGenerationRow, ("key_id", "since"), [(1, 1)])
