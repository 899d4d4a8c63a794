"""Pictures of every page of the console in three languages, narrow and wide, light and dark: `make screens`."""

from itertools import product
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.console_harness import PAGES, places, serving_office
from tests.browser.test_console_stories import LANGUAGES

OUT = Path("var/screens")
WIDTHS = {"narrow": 390, "wide": 1280}
pytestmark = pytest.mark.browser


def test_pictures_of_the_console(browser: Browser, tmp_path: Path) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with serving_office(tmp_path) as served:
        for language, person in product(LANGUAGES, PAGES):
            context = browser.new_context(locale=language, reduced_motion="reduce")
            for place, page in places(served, context, person):
                name = "".join(letter if letter.isalnum() else "-" for letter in place)
                for (width_name, width), scheme in product(WIDTHS.items(), ("light", "dark")):
                    page.emulate_media(color_scheme=scheme)
                    page.set_viewport_size({"width": width, "height": 900})
                    page.screenshot(path=OUT / f"console-{name}.{language}.{width_name}.{scheme}.png", full_page=True)
            context.close()
