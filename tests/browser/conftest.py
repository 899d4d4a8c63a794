"""One server and one Chromium for all stories; each story has its own browser context and its own member."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.harness import Served, chromium_path, launch, serving
from tests.browser.lived import live


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """The seeded family with a past, behind a real server."""
    folder = Path(tempfile.mkdtemp(prefix="accord-browser-"))
    with serving(folder / "dev") as running:
        live(running)
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium."""
    if chromium_path() is None:
        pytest.fail("Chromium is missing: run `make browser-tools`, or make test, which does it")
    with sync_playwright() as playwright:
        running = launch(playwright)
        yield running
        running.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test in this folder needs Chromium."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
