"""The staff at work in a real browser: a study from idea to approved, a no, a request for less, an overdue deletion."""

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from playwright.sync_api import Browser, Page, expect

from consent_center.rights.request import Right
from consent_center.watcher import Watcher
from consent_center.workflows import try_drops
from consent_center.workflows.file_right import file_right
from consent_center.workflows.show_studies import show_study
from tests.browser.console_harness import PAGES, ServedOffice, places, play_passkeys, serving_office
from tests.browser.harness import AXE
from tests.browser.test_every_page import NARROW, is_too_wide, violations, with_axe
from tests.consent_center.studies.studying import study_text
from tests.consent_center.world import NOW

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
ITS_OWN = ("Failed to load resource", "Clear-Site-Data header")
"""What Chromium itself says of a page with a status of 400 or more, and of signing out."""
UNTICKED = {
    "en": "tick each scope that you approve: a yes is to all of them",
    "zh-Hant": "請逐一勾選您同意的資料範圍：同意是指全部範圍",
    "zh-Hans": "请逐一勾选您同意的数据范围：同意是指全部范围",
}
DELETION = {"en": "A deletion is overdue", "zh-Hant": "刪除逾期", "zh-Hans": "删除逾期"}


@pytest.fixture(scope="module")
def served() -> Iterator[ServedOffice]:
    folder = Path(tempfile.mkdtemp(prefix="accord-office-"))
    with serving_office(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def sit(served: ServedOffice, browser: Browser, person: str, language: str = "en", *, drawn: bool = False) -> Page:
    context = browser.new_context(
        locale=language, reduced_motion="reduce", extra_http_headers={"Accept-Language": language}
    )
    return served.sign_in(context, person, drawn=drawn)


def make_passkey(served: ServedOffice, page: Page) -> None:
    play_passkeys(page)
    page.goto(f"{served.origin}/console/key")
    with page.expect_navigation():
        page.locator("form[data-passkey] button").click()
    expect(page.locator("code.digest").first).to_contain_text("p256:")


def answer(served: ServedOffice, page: Page, study: str, say: str, *, tick: bool, reason: str) -> None:
    page.goto(f"{served.origin}/console/studies/{study}")
    if tick:
        page.get_by_role("checkbox").check()
    page.locator("#reason").fill(reason)
    page.locator(f"button[name=say][value={say}]").click()
    expect(page.locator(".queue", has_text=reason)).to_be_visible()


def file(served: ServedOffice, browser: Browser, text: str, name: str, language: str, *, tries: bool = False) -> None:
    """A data scientist writes a study, reads what it would cost, tries it without each scope, and files it."""
    page = sit(served, browser, "wu", language)
    page.goto(f"{served.origin}/console/studies/new")
    page.locator("#text").fill(text)
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.locator("#outlook")).to_be_visible()
    if tries:
        with patch.object(try_drops, "MOCK_MEMBERS", 600):
            page.locator("form[action$='studies/try'] button").click(timeout=180_000)
            expect(page.locator("#drops")).to_be_visible(timeout=180_000)
        assert violations(page) == []
    page.get_by_role("main").get_by_role("button").last.click()
    page.wait_for_url(f"{served.origin}/console/studies/{name}")
    page.context.close()


def assess(served: ServedOffice, browser: Browser, name: str, language: str) -> None:
    """A compliance officer finds the study in her queue and assesses it."""
    page = sit(served, browser, "chen", language)
    page.locator(f"a[href='/console/studies/{name}']").click()
    for question in ("harm", "rights"):
        page.locator(f"#{question}").fill("Answered in plain words, for a reviewer to judge.")
    with page.expect_navigation():
        page.locator("form[action$=assessment] button").click()
    expect(page.locator("#risk")).to_contain_text("100")
    page.context.close()


def test_no_page_of_the_console_breaks_an_accessibility_rule(served, browser) -> None:
    """Each person in another language here, and a page that several see by axe once; all of it by `make browser`."""
    assert AXE.exists(), "axe-core is missing: run `make browser-tools`"
    broken: dict[str, list[str]] = {}
    asked: set[str] = set()
    for number, person in enumerate(PAGES):
        context = browser.new_context(locale=LANGUAGES[number % len(LANGUAGES)], viewport=NARROW)
        said: list[str] = []
        context.on("console", lambda message, said=said: said.append(message.text))
        for name, page in places(served, with_axe(context), person):
            told = [text for text in said if not text.startswith(ITS_OWN)]
            what = name if name.endswith("-today") else name.partition("-")[2]  # "today" is another page for each role
            if what not in asked:
                told += violations(page)
            asked.add(what)
            if is_too_wide(page):
                told.append("scrolls sideways")
            if told:
                broken[name] = told
            said.clear()
        context.close()
    assert broken == {}


def a_data_scientist_brings_an_idea_to_an_approved_study(served: ServedOffice, browser: Browser, language: str) -> None:
    name = f"idea-{language.lower()}"
    file(served, browser, study_text(name, epsilon=0.5), name, language, tries=True)
    assess(served, browser, name, language)
    for person in ("huang", "lai", "lin", "sales-op"):
        page = sit(served, browser, person, language)
        make_passkey(served, page)
        answer(served, page, name, "yes", tick=True, reason=f"Read and judged by {person}.")
        page.context.close()
    assert served.office.programme.store.read(show_study, name, at=NOW).standing.approved


def a_legal_reviewer_refuses(served: ServedOffice, browser: Browser, language: str) -> None:
    here, name = served.office.programme, f"vague-{language.lower()}"
    here.file(study_text(name, epsilon=0.5))
    here.assess(name)
    page = sit(served, browser, "huang", language)
    make_passkey(served, page)
    page.goto(f"{served.origin}/console/studies/{name}")
    page.locator("#reason").fill("I would say yes without ticking.")
    page.locator("button[name=say][value=yes]").click()
    expect(page.locator("[data-refused]")).to_have_text(UNTICKED[language])
    answer(served, page, name, "no", tick=False, reason="The reason is too vague to judge.")
    assert here.store.read(show_study, name, at=NOW).standing.stage.value == "refused"
    page.context.close()


def a_members_representative_asks_for_less_and_gets_it(served: ServedOffice, browser: Browser, language: str) -> None:
    here, much, less = served.office.programme, f"much-{language.lower()}", f"less-{language.lower()}"
    here.file(study_text(much, epsilon=4.0))
    here.assess(much)
    page = sit(served, browser, "lin", language)
    make_passkey(served, page)
    answer(served, page, much, "no", tick=False, reason="Ask for a quarter of it: epsilon 1 is enough.")
    file(served, browser, study_text(less, epsilon=1.0) + f"replaces: {much}\n", less, language)
    here.assess(less)
    answer(served, page, less, "yes", tick=True, reason="This is what I asked for.")
    assert "members-representative" in here.store.read(show_study, less, at=NOW).standing.agreed
    page.context.close()


def a_compliance_officer_finds_the_overdue_deletion(
    served: ServedOffice, browser: Browser, language: str, *, closes: bool = False
) -> None:
    here, asked = served.office.programme, NOW - timedelta(days=40)
    once = {"about": "", "detail": "", "once": f"{language:x<32}", "zone": UTC}
    here.store.run(file_right, member=here.members[5], right=Right.ERASE, **once, at=asked)
    Watcher(here.store, now=served.office.clock).look()
    page = sit(served, browser, "chen", language, drawn=True)
    page.locator(".light.is-stop a[href='/console/findings']").first.click()
    finding = page.locator(".queue li", has_text=DELETION[language])
    expect(finding).to_have_count(1)
    if closes:
        finding.locator("summary").click()
        finding.locator("textarea").fill("The site deleted it today, and said so.")
        with page.expect_navigation():
            finding.get_by_role("button").click()
        expect(page.locator("#closed")).to_be_visible()
    page.context.close()


def test_a_data_scientist_brings_an_idea_to_an_approved_study(served, browser) -> None:
    a_data_scientist_brings_an_idea_to_an_approved_study(served, browser, "zh-Hant")


def test_a_legal_reviewer_refuses_and_a_yes_without_every_scope_is_not_signed(served, browser) -> None:
    a_legal_reviewer_refuses(served, browser, "en")


def test_a_members_representative_asks_for_less_and_gets_it(served, browser) -> None:
    a_members_representative_asks_for_less_and_gets_it(served, browser, "zh-Hans")


def test_a_compliance_officer_finds_the_overdue_deletion(served, browser) -> None:
    a_compliance_officer_finds_the_overdue_deletion(served, browser, "en", closes=True)


def test_a_run_moves_on_its_page_without_reloading(served, browser) -> None:
    from consent_center.workflows.settle_run import settle_run
    from federated.gate import RunReport
    from tests.browser.console_harness import SIGNER
    from tests.consent_center.rounds import settle_honestly

    page = sit(served, browser, "huang")
    page.goto(f"{served.origin}/console/runs/run-1")
    before = page.locator("progress").get_attribute("value")
    store = served.office.programme.store
    page.wait_for_timeout(1500)
    settle_honestly(store, "run-1", 3, signer=SIGNER, at=NOW)
    expect(page.locator("progress")).to_have_attribute("value", "3", timeout=8000)
    assert before == "2"
    store.run(settle_run, RunReport("run-1", "completed", 3), at=NOW)
    expect(page.locator("#live .lead")).to_contain_text("Completed", timeout=8000)
    page.context.close()
