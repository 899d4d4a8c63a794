"""Law: on every page that asks, yes and no have the same size, colours, contrast, height on the page and number of
steps after them; and neither is pressed before the member said something."""

import pytest
from playwright.sync_api import Browser

from tests.browser.harness import Served, sign_in

ASKING = [
    "/uses/preference",
    "/uses/offers",
    "/uses/churn",
    "/uses/matching/tern/demographics/TW",
    "/uses/preference/marketing/location/TW",
    "/uses/preference/ricefield/purchases/TW",
]
LOOKS = """() => [...document.querySelectorAll('.pair')].map((pair) => [...pair.children].map((one) => {
  const box = one.getBoundingClientRect(), style = getComputedStyle(one);
  return {width: Math.round(box.width), height: Math.round(box.height), top: Math.round(box.top),
    pressed: one.getAttribute('aria-pressed'), colour: style.color, ground: style.backgroundColor,
    border: style.border, font: style.font, opacity: style.opacity, cursor: style.cursor};
}))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_yes_and_no_weigh_the_same_on_every_notice(served: Served, browser: Browser, scheme: str, width: int) -> None:
    for person in served.world.people:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
        sign_in(context, served, person)
        page = context.new_page()
        for path in ASKING:
            page.goto(served.origin + path)
            pairs = page.evaluate(LOOKS)
            assert pairs, path
            for yes, no in pairs:
                if yes["pressed"] == no["pressed"] == "false":
                    assert yes == no, (path, person.language)
                else:
                    same = ("width", "height", "top", "border", "font", "opacity", "cursor")
                    assert {key: yes[key] for key in same} == {key: no[key] for key in same}, path
        context.close()
