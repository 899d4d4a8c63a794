"""Every workflow, tried by the tests under `faults.atomicity`: which there are, which were, and what was wrong.

Which workflows there are is read off the source, so that a new one cannot be forgotten; which changes of state need no
entry, and which entries no state, is said in `faults.atomicity`, and a reason that excuses nothing is a failure.
"""

import ast
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import consent_center
from consent_center.storage.bulk import insert_rows
from consent_center.storage.key_generations import KeyGenerationRow
from consent_center.storage.transaction import Store
from faults.atomicity import ALONE, REPORT, UNRECORDED, Seen, Watched
from faults.world import KEYS, NOW, Outcome, act

TESTS = ("tests/consent_center", "tests/rights", "tests/offers", "tests/portal", "tests/console", "tests/audits")


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


def every_workflow() -> Outcome:
    """Each statement of every workflow fails once; what no test ever runs is named."""
    report, known = try_tests(*TESTS), workflows()
    outcome = Outcome("every workflow, each of its statements failing")
    outcome.also.append(f"{sum(report['tried'].values())} statements failed in {len(report['tried'])} workflows")
    outcome.also.append(f"excused: {len(UNRECORDED)} without an entry, {len(ALONE)} without a row")
    outcome.failures += judged(report)
    if never := sorted(known - set(report["tried"])):
        outcome.failures.append(f"never tried: {', '.join(never)}")
    for excused, seen in ((UNRECORDED, report["unrecorded"]), (ALONE, report["alone"])):
        if idle := sorted(set(excused) - set(seen)):
            outcome.failures.append(f"excused without need: {', '.join(idle)}")
    outcome.control = planted_is_seen()
    return outcome


def judged(report: dict[str, Any]) -> list[str]:
    """What a report says that must not be, in words."""
    alone = [name for name in report["alone"] if name not in ALONE]
    unrecorded = {name: tables for name, tables in report["unrecorded"].items() if name not in UNRECORDED}
    return [
        *report["wrong"],
        *(f"{name} changed {', '.join(tables)} alone" for name, tables in unrecorded.items()),
        *(f"{name} wrote an entry and no row" for name in alone),
    ]


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
