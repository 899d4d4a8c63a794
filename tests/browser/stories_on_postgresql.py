"""The stories on PostgreSQL, and the versions of them that `make test` leaves out: by `make browser`."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from consent_center.web.languages import Language
from tests.browser.harness import Served, serving
from tests.browser.lived import live
from tests.browser.postgres import fresh_database
from tests.browser.test_fang_loses_her_phone import test_fang_loses_her_phone
from tests.browser.test_mei_says_no_to_the_airline import (
    mei_says_no_to_the_airline,
    test_a_newcomer_reads_who_uses_her_purchases_without_a_tap_and_stops_it_in_three,
    test_her_browser_checks_the_proof_by_itself_and_notices_a_lie,
    test_wei_gives_and_takes_back_with_the_keyboard_alone,
)
from tests.browser.test_yes_and_no import ASKING, yes_and_no_weigh_the_same
from tests.portal.test_bad_input import many_lines_come_in_pages
from tests.portal.visitor import open_house

__all__ = [
    "test_a_newcomer_reads_who_uses_her_purchases_without_a_tap_and_stops_it_in_three",
    "test_fang_loses_her_phone",
    "test_her_browser_checks_the_proof_by_itself_and_notices_a_lie",
    "test_wei_gives_and_takes_back_with_the_keyboard_alone",
]
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """The family on PostgreSQL."""
    folder = Path(tempfile.mkdtemp(prefix="accord-stories-"))
    with fresh_database() as database, serving(folder / "dev", database=database) as running:
        live(running)
        yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_mei_says_no_to_the_airline_on_postgresql(served: Served, browser: Browser, *, script: bool) -> None:
    mei_says_no_to_the_airline(served, browser, script=script)


@pytest.mark.parametrize("language", [one.value for one in Language])
def test_yes_and_no_weigh_the_same_on_every_page_that_asks(served: Served, browser: Browser, language: str) -> None:
    yes_and_no_weigh_the_same(served, browser, language, ASKING)


def test_ten_thousand_lines_of_history_come_in_pages(tmp_path: Path) -> None:
    with open_house(tmp_path / "dev") as house:
        many_lines_come_in_pages(house, 10_000)
