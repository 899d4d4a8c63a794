"""Pictures of every page in three languages, narrow and wide, light and dark: `make screens` writes var/screens."""

import sys
import tempfile
from pathlib import Path

from harness import MEMBER_PAGES, VISITOR_PAGES, launch, serving, sign_in
from playwright.sync_api import sync_playwright

OUT = Path("var/screens")
WIDTHS = {"narrow": 390, "wide": 1280}


def main(only: set[str]) -> None:
    """Take them all, or only the pages that are named."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, serving(Path(scratch) / "dev") as served, sync_playwright() as play:
        browser = launch(play)
        for person in served.world.people:
            language = person.language.value
            for scheme in ("light", "dark"):
                for inside, pages in ((True, MEMBER_PAGES), (False, VISITOR_PAGES)):
                    wanted = {name: path for name, path in pages.items() if not only or name in only}
                    if not wanted:
                        continue
                    context = browser.new_context(color_scheme=scheme, locale=language, reduced_motion="reduce")
                    if inside:
                        sign_in(context, served, person)
                    page = context.new_page()
                    for name, path in wanted.items():
                        page.goto(served.origin + path)
                        for width_name, width in WIDTHS.items():
                            page.set_viewport_size({"width": width, "height": 900})
                            file = OUT / f"{name}.{language}.{width_name}.{scheme}.png"
                            page.screenshot(path=file, full_page=True)
                    context.close()
        browser.close()


if __name__ == "__main__":
    main(set(sys.argv[1:]))
