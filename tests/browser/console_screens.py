"""Pictures of every page of the console in three languages, narrow and wide, light and dark: `make screens`."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.console_harness import PAGES, serving_office
from tests.browser.test_console_stories import LANGUAGES

OUT = Path("var/screens")
WIDTHS = {"narrow": 390, "wide": 1280}
pytestmark = pytest.mark.browser


def test_pictures_of_the_console(browser: Browser, tmp_path: Path) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    with serving_office(tmp_path) as served:
        for language in LANGUAGES:
            for scheme in ("light", "dark"):
                for person, paths in PAGES.items():
                    context = browser.new_context(
                        color_scheme=scheme,
                        locale=language,
                        reduced_motion="reduce",
                        extra_http_headers={"Accept-Language": language},
                    )
                    page = served.sign_in(context, person)
                    for path in paths:
                        page.goto(f"{served.origin}/console/{path}")
                        name = "".join(letter if letter.isalnum() else "-" for letter in path or "today")
                        for width_name, width in WIDTHS.items():
                            page.set_viewport_size({"width": width, "height": 900})
                            file = OUT / f"console-{person}-{name}.{language}.{width_name}.{scheme}.png"
                            page.screenshot(path=file, full_page=True)
                    context.close()
