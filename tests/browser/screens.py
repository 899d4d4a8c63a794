"""Pictures of every page in three languages, narrow and wide, light and dark: `make screens` writes var/screens."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from consent_center.web.languages import Language
from tests.browser.harness import Served, sign_in
from tests.browser.lived import member_pages, visitor_pages

OUT = Path("var/screens")
WIDTHS = {"narrow": 390, "wide": 1280}


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", [one.value for one in Language])
def test_take_pictures(served: Served, browser: Browser, language: str, scheme: str) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    person = served.person(language)
    for inside, pages in ((True, member_pages(served, person)), (False, visitor_pages(served, person))):
        context = browser.new_context(color_scheme=scheme, locale=language, reduced_motion="reduce")
        if inside:
            sign_in(context, served, person)
        page = context.new_page()
        for name, path in pages.items():
            page.goto(served.origin + path)
            for width_name, width in WIDTHS.items():
                page.set_viewport_size({"width": width, "height": 900})
                file = OUT / f"{name}.{language}.{width_name}.{scheme}.png"
                page.screenshot(path=file, full_page=True)
                assert file.stat().st_size > 1000
        context.close()
