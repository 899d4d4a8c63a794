"""Pictures of every page of the console in three languages, narrow and wide, light and dark, into var/screens."""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser.console_harness import PAGES, serving_office
from tests.browser.harness import launch

OUT = Path("var/screens")
WIDTHS = {"narrow": 390, "wide": 1280}


def main(only: set[str]) -> None:
    """Take them all, or only those of the persons who are named."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, serving_office(Path(scratch)) as served, sync_playwright() as play:
        browser = launch(play)
        for language in ("en", "zh-Hant", "zh-Hans"):
            for scheme in ("light", "dark"):
                for person, paths in PAGES.items():
                    if only and person not in only:
                        continue
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
        browser.close()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
