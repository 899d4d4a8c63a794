"""The console's stories in three languages on both databases, its pages in every theme and width: `make browser`."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.console_harness import PAGES, ServedOffice, places, serving_office
from tests.browser.matrix import LOOKS
from tests.browser.postgres import fresh_database
from tests.browser.test_console_stories import (
    LANGUAGES,
    a_compliance_officer_finds_the_overdue_deletion,
    a_data_scientist_brings_an_idea_to_an_approved_study,
    a_legal_reviewer_refuses,
    a_members_representative_asks_for_less_and_gets_it,
)
from tests.browser.test_every_page import is_too_wide, violations, with_axe

pytestmark = pytest.mark.browser
STORIES = (
    a_data_scientist_brings_an_idea_to_an_approved_study,
    a_legal_reviewer_refuses,
    a_members_representative_asks_for_less_and_gets_it,
    a_compliance_officer_finds_the_overdue_deletion,
)


RULED = (320, 1280)
"""Widths at which axe looks: the narrow and the wide layout; every width must not scroll sideways."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[ServedOffice]:
    """The office on either database."""
    folder = Path(tempfile.mkdtemp(prefix="accord-office-"))
    if request.param == "sqlite":
        with serving_office(folder) as running:
            yield running
    else:
        with fresh_database() as database, serving_office(folder, database=database) as running:
            yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("story", STORIES, ids=[one.__name__ for one in STORIES])
def test_the_story_is_lived(anywhere: ServedOffice, browser: Browser, story, language: str) -> None:
    story(anywhere, browser, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_breaks_a_rule_anywhere(anywhere: ServedOffice, browser: Browser, language: str) -> None:
    """Each page in every theme and width; once on PostgreSQL, because no look depends on the database."""
    looks = LOOKS if anywhere.office.programme.store.url_kind == "sqlite" else LOOKS[:1]
    broken: dict[str, list[str]] = {}
    for person in PAGES:
        context = with_axe(browser.new_context(locale=language, reduced_motion="reduce"))
        for name, page in places(anywhere, context, person):
            for scheme, width in looks:
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 800})
                found = violations(page) if width in RULED else []
                found += ["scrolls sideways"] if is_too_wide(page) else []
                if found:
                    broken[f"{name} {scheme} {width}"] = found
        context.close()
    assert broken == {}
