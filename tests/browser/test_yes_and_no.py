"""Law: on every page that asks, yes and no have the same size, colours, contrast, height on the page and number of
steps after them; and neither is pressed before the member said something.

Here each page is looked at in one language, the languages taking turns; in all of them by `make browser`."""

from collections.abc import Sequence
from itertools import product

import pytest
from playwright.sync_api import Browser

from consent_center.web.languages import Language
from tests.browser.harness import Served, sign_in

ASKING = [
    "/uses/preference",
    "/uses/offers",
    "/uses/churn",
    "/uses/matching/tern/demographics/TW",
    "/uses/preference/marketing/location/TW",
    "/uses/preference/ricefield/purchases/TW",
    "/uses/link-ricefield/marketing/purchases/TW",
    "/uses/link-ricefield/ricefield/purchases/TW",
]
LOOKS = """() => [...document.querySelectorAll('.pair')].map((pair) => [...pair.children].map((one) => {
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {width: Math.round(box.width), height: Math.round(box.height), top: Math.round(box.top),
    pressed: one.getAttribute('aria-pressed'), colour: style.color, ground: style.backgroundColor,
    border: style.border, font: style.font, opacity: style.opacity, cursor: style.cursor};
}))"""


@pytest.mark.parametrize("language", [one.value for one in Language])
def test_yes_and_no_weigh_the_same_on_every_notice(served: Served, browser: Browser, language: str) -> None:
    turn = [one.value for one in Language].index(language)
    yes_and_no_weigh_the_same(served, browser, language, ASKING[turn :: len(Language)])


def yes_and_no_weigh_the_same(served: Served, browser: Browser, language: str, paths: Sequence[str]) -> None:
    context = browser.new_context(locale=language)
    sign_in(context, served, served.person(language))
    page = context.new_page()
    for path in paths:
        page.goto(served.origin + path)
        for scheme, width in product(("light", "dark"), (320, 1280)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 800})
            pairs = page.evaluate(LOOKS)
            assert pairs, path
            for yes, no in pairs:
                if yes["pressed"] == no["pressed"] == "false":
                    assert yes == no, (path, scheme, width)
                else:
                    same = ("width", "height", "top", "border", "font", "opacity", "cursor")
                    assert {key: yes[key] for key in same} == {key: no[key] for key in same}, (path, scheme, width)
    context.close()
