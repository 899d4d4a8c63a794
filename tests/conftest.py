"""The order of the suite, and what of it runs twice.

Files whose single tests are long go first, so that no worker waits alone at the end. A test of a workflow runs on both
databases; one that has further parameters goes through them on SQLite, and on PostgreSQL too with `--every-database`
(`make matrix`).
"""

import gc
import signal
import threading

import pytest
from hypothesis import settings

gc.disable()  # until everything is collected: thousands of modules and tests, and nothing of them is garbage

# Whoever starts the suite in the background has interruptions ignored; what the tests start must hear them.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine is no fault of the code under test: no example has a deadline, whichever folder is collected first.
# Laws that name no number of cases are tried 60 times here; `make matrix` tries those of consent far more often.
settings.register_profile("unhurried", deadline=None, max_examples=60)
settings.load_profile("unhurried")

LONG = ("tests/demo/", "tests/browser/", "tests/consent_center/storage/")
WORKFLOWS = ("tests/consent_center/workflows/", "tests/consent_center/studies/")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Ask for both databases everywhere."""
    parser.addoption("--every-database", action="store_true", help="each parameter on PostgreSQL too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files first, all others as they stand; what is left to `make matrix` is left out."""
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    if config.getoption("--every-database"):
        return
    left = {
        one
        for one in items
        if one.nodeid.startswith(WORKFLOWS) and one.get_closest_marker("postgres") and "[postgresql]" not in one.nodeid
    }
    config.hook.pytest_deselected(items=list(left))
    items[:] = [one for one in items if one not in left]


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.enable()
