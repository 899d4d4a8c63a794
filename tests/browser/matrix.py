"""The whole matrix, by `make browser`: every page x language x theme x width x database, no rule of WCAG 2.2 AA broken.

Not collected by `make test`, which looks at every page in one language. The widths and themes of one page are looked
at in one visit: nothing on the server depends on them.
"""

import shutil
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from consent_center.web.languages import Language
from tests.browser.harness import Served, serving, sign_in
from tests.browser.lived import live, member_pages, visitor_pages
from tests.browser.postgres import fresh_database
from tests.browser.test_every_page import NARROW, is_too_wide, listen, misfits, violations, visited, with_axe

LOOKS = tuple(product(("light", "dark"), (320, 390, 640, 1280)))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[Served]:
    """The family on either database."""
    folder = Path(tempfile.mkdtemp(prefix="accord-matrix-"))
    if request.param == "sqlite":
        with serving(folder / "dev") as running:
            live(running)
            yield running
    else:
        with fresh_database() as database, serving(folder / "dev", database=database) as running:
            live(running)
            yield running
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.browser
@pytest.mark.parametrize("language", [one.value for one in Language])
@pytest.mark.parametrize("inside", [True, False], ids=["member", "visitor"])
def test_no_page_breaks_a_rule_anywhere(anywhere: Served, browser: Browser, language: str, *, inside: bool) -> None:
    person = anywhere.person(language)
    context = with_axe(browser.new_context(locale=language, reduced_motion="reduce"))
    if inside:
        sign_in(context, anywhere, person)
    page = context.new_page()
    said, asked = listen(page)
    broken: dict[str, list[str]] = {}
    for name, path in (member_pages if inside else visitor_pages)(anywhere, person).items():
        page.set_viewport_size(NARROW)
        if found := visited(page, said, asked, anywhere.origin, path) + misfits(page):
            broken[name] = found
        for scheme, width in LOOKS:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            found = violations(page) + (["scrolls sideways"] if is_too_wide(page) else [])
            if found:
                broken[f"{name} {scheme} {width}"] = found
    context.close()
    assert broken == {}
