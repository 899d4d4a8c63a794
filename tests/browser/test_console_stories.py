"""The staff at work in a real browser: a study from idea to approved, a no, a request for less, an overdue deletion."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from consent_center.workflows.show_studies import show_study
from tests.browser.console_harness import PAGES, ServedOffice, play_passkeys, serving_office
from tests.browser.harness import AXE
from tests.browser.test_every_page import RULES
from tests.consent_center.studies.studying import study_text
from tests.consent_center.world import NOW

LANGUAGES = ("en", "zh-Hant", "zh-Hans")
APPROVE = {"en": "Approve", "zh-Hant": "核准", "zh-Hans": "批准"}
REFUSE = {"en": "Refuse", "zh-Hant": "拒絕", "zh-Hans": "拒绝"}
MAKE = {"en": "Make a passkey that signs", "zh-Hant": "建立簽署用的通行金鑰", "zh-Hans": "建立签名用的通行密钥"}


@pytest.fixture(scope="module")
def served() -> Iterator[ServedOffice]:
    folder = Path(tempfile.mkdtemp(prefix="accord-office-"))
    with serving_office(folder) as running:
        yield running
    shutil.rmtree(folder, ignore_errors=True)


def sit(served: ServedOffice, browser: Browser, person: str, language: str = "en") -> Page:
    context = browser.new_context(
        locale=language, reduced_motion="reduce", extra_http_headers={"Accept-Language": language}
    )
    return served.sign_in(context, person)


def make_passkey(served: ServedOffice, page: Page, language: str) -> None:
    play_passkeys(page)
    page.goto(f"{served.origin}/console/key")
    with page.expect_navigation():
        page.get_by_role("button", name=MAKE[language]).click()
    expect(page.locator("code.digest").first).to_contain_text("p256:")


def answer(served: ServedOffice, page: Page, study: str, button: str, *, tick: bool, reason: str) -> None:
    page.goto(f"{served.origin}/console/studies/{study}")
    if tick:
        page.get_by_role("checkbox").check()
    page.locator("#reason").fill(reason)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".queue", has_text=reason)).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_page_of_the_console_breaks_an_accessibility_rule(served, browser, language) -> None:
    assert AXE.exists(), "axe-core is missing: run `make browser-tools`"
    broken: dict[str, list[str]] = {}
    for person, paths in PAGES.items():
        page = sit(served, browser, person, language)
        said: list[str] = []
        page.on("console", lambda message, said=said: said.append(message.text))
        for path in paths:
            said.clear()
            page.set_viewport_size({"width": 320, "height": 700})
            assert page.goto(f"{served.origin}/console/{path}").status == 200
            wide = page.evaluate("document.documentElement.scrollWidth")
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
            page.evaluate(AXE.read_text())
            found = page.evaluate(f"axe.run(document, {{runOnly: {json.dumps(RULES)}}})")["violations"]
            told = [f"{one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]
            told += list(said) + ([f"{wide} px wide"] if wide > 320 else [])
            if told:
                broken[path] = told
        page.context.close()
    assert broken == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_data_scientist_brings_an_idea_to_an_approved_study(served, browser, language) -> None:
    name = f"idea-{language.lower()}"
    here = served.office.programme
    scientist = sit(served, browser, "wu", language)
    scientist.goto(f"{served.origin}/console/studies/new")
    scientist.locator("#text").fill(study_text(name, epsilon=0.5))
    scientist.get_by_role("main").get_by_role("button").first.click()
    scientist.get_by_role("main").get_by_role("button").last.click()
    scientist.wait_for_url(f"{served.origin}/console/studies/{name}")
    scientist.context.close()
    here.assess(name)
    for person in ("huang", "lai", "lin", "sales-op"):
        page = sit(served, browser, person, language)
        make_passkey(served, page, language)
        answer(served, page, name, APPROVE[language], tick=True, reason=f"Read and judged by {person}.")
        page.context.close()
    assert here.store.read(show_study, name, at=NOW).standing.approved


def test_a_legal_reviewer_refuses_and_a_yes_without_every_scope_is_not_signed(served, browser) -> None:
    here = served.office.programme
    here.file(study_text("vague", epsilon=0.5))
    here.assess("vague")
    page = sit(served, browser, "huang")
    make_passkey(served, page, "en")
    page.goto(f"{served.origin}/console/studies/vague")
    page.locator("#reason").fill("I would say yes without ticking.")
    page.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("[data-refused]")).to_be_visible()
    answer(served, page, "vague", REFUSE["en"], tick=False, reason="The reason is too vague to judge.")
    assert here.store.read(show_study, "vague", at=NOW).standing.stage.value == "refused"
    page.context.close()


def test_a_members_representative_asks_for_less_and_gets_it(served, browser) -> None:
    here = served.office.programme
    here.file(study_text("much", epsilon=4.0))
    here.assess("much")
    page = sit(served, browser, "lin")
    make_passkey(served, page, "en")
    answer(served, page, "much", "Refuse", tick=False, reason="Ask for a quarter of it: epsilon 1 is enough.")
    here.file(study_text("less", epsilon=1.0) + "replaces: much\n")
    here.assess("less")
    answer(served, page, "less", "Approve", tick=True, reason="This is what I asked for.")
    assert "members-representative" in here.store.read(show_study, "less", at=NOW).standing.agreed
    page.context.close()


def test_a_compliance_officer_finds_the_overdue_deletion(served, browser) -> None:
    from datetime import UTC, timedelta

    from consent_center.rights.request import Right
    from consent_center.workflows.file_right import file_right
    from consent_center.workflows.watch_studies import watch_studies

    here, clock = served.office.programme, served.office.clock
    asked = NOW - timedelta(days=40)
    once = {"about": "", "detail": "", "once": "x" * 32, "zone": UTC}
    here.store.run(file_right, member=here.members[5], right=Right.ERASE, **once, at=asked)
    here.store.run(watch_studies, at=clock())
    page = sit(served, browser, "chen")
    row = page.locator(".light.is-stop", has_text="Rights requests")
    expect(row).to_contain_text("Past the legal date: 1.")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", name="A deletion is overdue")).to_be_visible()
    page.context.close()


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
    expect(page.locator("#live .lead")).to_contain_text("completed", timeout=8000)
    page.context.close()
