"""Law: no page breaks a rule of WCAG 2.2 AA that a machine can check; none scrolls sideways at 320 px, hides
what has the focus, offers a target below 24 px, says anything on the console, or asks another host for anything.

Here every page is looked at in one language, the languages taking turns; in all of them by `make browser`."""

import json
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from consent_center.web.languages import Language
from tests.browser.harness import AXE, Served, sign_in
from tests.browser.lived import member_pages, visitor_pages

NARROW, DOUBLED = {"width": 320, "height": 700}, {"width": 640, "height": 450}
"""The narrowest phone, and a window of 1280 px at 200 %, which is one of 640 CSS px."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LANGUAGES = [one.value for one in Language]
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true })"
CUT = """[...document.querySelectorAll('.scroll caption:not(.vh)')]
  .some((one) => one.offsetWidth > one.closest('.scroll').clientWidth + 1)"""
SMALL = """() => [...document.querySelectorAll('a, button, input, select, textarea, summary')]
  .filter((one) => one.offsetParent && !one.closest('p, dd, li:not([class])') && one.type !== 'hidden')
  .map((one) => [one.outerHTML.slice(0, 120), one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && (box.width < 24 || box.height < 24))
  .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""


def with_axe(context: BrowserContext) -> BrowserContext:
    """Put axe-core into every page of a context, past the page's own policy, which allows no script but ours."""
    context.add_init_script(path=AXE)
    return context


def violations(page: Page) -> list[str]:
    """What axe-core finds, with every layer open."""
    page.evaluate(OPEN_ALL)
    if page.evaluate("typeof axe") == "undefined":  # on a busy machine a document can be there before its script
        page.evaluate(AXE.read_text(encoding="utf-8"))
    options = {"runOnly": RULES, "resultTypes": ["violations"], "preload": False}
    found = page.evaluate(
        f"axe.run(document, {json.dumps(options)}).then((found) => found.violations.flatMap("
        "(one) => one.nodes.map((node) => `${one.id}: ${node.html.slice(0, 160)}`)))"
    )
    return [str(one) for one in found]


def is_too_wide(page: Page) -> bool:
    """Whether the page scrolls sideways, or the caption of a table that may is cut off."""
    return bool(page.evaluate(f"document.documentElement.scrollWidth > innerWidth || {CUT}"))


def misfits(page: Page) -> list[str]:
    """What does not fit a narrow phone, a doubled window, or fingers, with every layer shut and open."""
    found = ["scrolls sideways at 320 px"] if is_too_wide(page) else []
    found += page.evaluate(SMALL)
    page.evaluate(OPEN_ALL)
    if is_too_wide(page):
        found.append("scrolls sideways at 320 px with every layer open")
    page.set_viewport_size(DOUBLED)
    if is_too_wide(page):
        found.append("scrolls sideways at 200 %")
    page.set_viewport_size(NARROW)
    return found


def listen(page: Page) -> tuple[list[str], list[str]]:
    """What the page will say on the console, and what it will ask for."""
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    return said, asked


def visited(page: Page, said: list[str], asked: list[str], origin: str, path: str) -> list[str]:
    """Open a page: what it says on the console, and what it asks of other hosts, or too often."""
    said.clear()
    asked.clear()
    answer = page.goto(origin + path)
    assert answer is not None
    found = [text for text in said if answer.status == 200]
    found += [url for url in asked if not url.startswith(origin) and not url.startswith("data:")]
    return found + ([f"{len(asked)} requests"] if len(asked) > 10 else [])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_breaks_an_accessibility_rule_or_loads_anything_foreign(
    served: Served, browser: Browser, language: str
) -> None:
    assert AXE.exists(), "axe-core is missing: run `make browser-tools`"
    person = served.person(language)
    broken: dict[str, list[str]] = {}
    for inside, pages in ((True, member_pages(served, person)), (False, visitor_pages(served, person))):
        context = with_axe(browser.new_context(locale=language, reduced_motion="reduce", viewport=NARROW))
        if inside:
            sign_in(context, served, person)
        page = context.new_page()
        said, asked = listen(page)
        for name, path in list(pages.items())[LANGUAGES.index(language) :: len(LANGUAGES)]:
            found = visited(page, said, asked, served.origin, path) + misfits(page) + violations(page)
            if found:
                broken[name] = found
        context.close()
    assert broken == {}


def test_the_checker_finds_what_is_wrong(served: Served, browser: Browser) -> None:
    context = with_axe(browser.new_context())
    page = context.new_page()
    page.goto(f"{served.origin}/sign-in")
    page.evaluate("document.querySelector('label').remove(); document.querySelector('h1').style.color = '#eee'")
    assert {found.split(":")[0] for found in violations(page)} >= {"label", "color-contrast"}
    context.close()


def test_the_focus_is_always_seen_and_follows_the_reading_order(served: Served, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 700})
    sign_in(context, served, served.person("en"))
    page = context.new_page()
    for path in ("/", "/uses/preference", "/rights"):
        page.goto(served.origin + path)
        tops = []
        for _ in range(60):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                """() => {
                    const one = document.activeElement;
                    if (one === document.body) return null;
                    const box = one.getBoundingClientRect();
                    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                    const inside = box.top >= -1 && box.bottom <= innerHeight + 1;
                    const style = getComputedStyle(one);
                    return {
                        html: one.outerHTML.slice(0, 100),
                        clear: inside && !!top && (one === top || one.contains(top) || top.contains(one)),
                        ring: parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== 'none',
                        top: box.top + scrollY,
                    };
                }"""
            )
            if seen is None:
                break
            assert seen["clear"], (path, seen)
            assert seen["ring"], (path, seen)
            tops.append(seen["top"])
        main = tops[12:]
        assert sum(b < a - 60 for a, b in pairwise(main)) <= 1, (path, main)
    context.close()


def test_larger_letters_fit_a_phone_and_a_doubled_window(served: Served, browser: Browser) -> None:
    context = browser.new_context(viewport=NARROW, device_scale_factor=2)
    sign_in(context, served, served.person("zh-Hant"))
    page = context.new_page()
    page.goto(f"{served.origin}/?letters=large")
    for path in ("/", "/uses/preference", "/history", "/tags", "/trainings"):
        page.goto(served.origin + path)
        for size in (NARROW, DOUBLED):
            page.set_viewport_size(size)
            assert not is_too_wide(page), (path, size)
    context.close()


@pytest.mark.parametrize("language", [Language.HANT.value])
def test_forms_that_were_refused_break_no_rule_either(served: Served, browser: Browser, language: str) -> None:
    context = with_axe(browser.new_context(locale=language, viewport=NARROW, reduced_motion="reduce"))
    sign_in(context, served, served.person(language))
    page = context.new_page()
    main = page.get_by_role("main")
    broken: dict[str, list[str]] = {}

    def look(name: str) -> None:
        main.get_by_role("alert").wait_for()
        found = violations(page) + (["scrolls sideways at 320 px"] if is_too_wide(page) else [])
        if found:
            broken[name] = found

    page.goto(f"{served.origin}/rights")
    main.get_by_role("button").last.click()
    look("rights")
    page.goto(f"{served.origin}/limits")
    main.get_by_role("textbox").fill("often")
    main.get_by_role("button").first.click()
    look("limits")
    page.goto(f"{served.origin}/family")
    main.get_by_role("button").last.click()
    look("family")
    context.close()
    assert broken == {}


def test_the_receipt_prints_as_paper(served: Served, browser: Browser) -> None:
    context = browser.new_context()
    person = served.person("en")
    sign_in(context, served, person)
    page = context.new_page()
    page.goto(served.origin + member_pages(served, person)["receipt"])
    page.emulate_media(media="print")
    assert page.locator(".top").is_hidden()
    assert page.get_by_role("heading", level=1).is_visible()
    context.close()
