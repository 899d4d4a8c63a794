"""A story: Mei finds out on her phone who uses her purchases, says no to the airline, stops the marketing department,
and keeps the proof. Without instructions, with JavaScript and without."""

import json
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, expect

from consent_center.example.family import Person
from consent_center.portal.sign_in import address_tag
from consent_center.web.languages import Language
from consent_center.workflows.enrol_member import enrol_member
from consent_center.workflows.register_member import register_member
from consent_center.workflows.sign_in import receive_links_at
from tests.browser.harness import Served, sign_in

PHONE = {"width": 390, "height": 844}


def newcomer(served: Served) -> Person:
    """A member of her own for this story."""
    wiring = served.world.wiring
    at = wiring.clock()
    member = wiring.store.run(register_member, at=at)
    wiring.store.run(enrol_member, member, "marketing", at=at)
    address = f"{member[:8]}@family.example"
    wiring.store.run(receive_links_at, member=member, tag=address_tag(wiring.address_key, address), at=at)
    return Person(member, address, Language.EN)


def last_link(served: Served) -> str:
    """The link in the newest letter of the outbox."""
    newest = max((served.world.wiring.outbox or Path()).glob("*.eml"), key=lambda file: file.stem)
    letter = message_from_bytes(newest.read_bytes(), policy=default)
    return next(word for word in letter.get_content().split() if "/sign-in/link/" in word)


def says(page: Page, button: str) -> None:
    """Both steps of an answer: the word, then the same word again after what follows from it."""
    page.get_by_role("main").get_by_role("button", name=button).click()
    page.get_by_role("main").get_by_role("button").first.click()


def test_mei_says_no_to_the_airline_without_a_script(served: Served, browser: Browser) -> None:
    """With scripts, and on PostgreSQL, by `make browser`."""
    mei_says_no_to_the_airline(served, browser, script=False)


def mei_says_no_to_the_airline(served: Served, browser: Browser, *, script: bool) -> None:
    context = browser.new_context(java_script_enabled=script, viewport=PHONE, locale="en")
    mei = newcomer(served)
    page = context.new_page()

    # She asks for a link; the page says what to do next, and where mail goes on this server.
    page.goto(served.origin)
    page.get_by_label("E-mail address").fill(mei.address)
    page.get_by_role("button", name="Send me a link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Look at your mail")
    page.goto(last_link(served))
    page.get_by_role("button", name="Sign in now").click()

    # One screen: who uses what. The airline is not answered; she opens it and says no.
    expect(page.get_by_role("heading", level=1)).to_have_text("Who uses your data")
    page.get_by_role("link", name="Match your account with Tern Airlines").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("May Tern Airlines use your personal details?")
    expect(page.get_by_text("Tern Airlines, in Japan")).to_be_visible()
    says(page, "Don’t allow")
    expect(page.get_by_role("heading", level=1)).to_have_text("Saved")
    expect(page.get_by_text("Tern Airlines may not use your personal details.")).to_be_visible()

    # She allows one thing, and takes it back in as many clicks.
    page.goto(f"{served.origin}/uses/preference")
    page.get_by_role("group", name="Purchases").get_by_role("button", name="Allow", exact=True).click()
    page.get_by_role("main").get_by_role("button", name="Allow").click()
    expect(
        page.get_by_text("Marketing department may use your purchases").or_(
            page.get_by_text("may use your purchases until")
        )
    ).to_be_visible()
    page.goto(f"{served.origin}/uses/preference")
    page.get_by_role("group", name="Purchases").get_by_role("button", name="Don’t allow").click()
    expect(page.get_by_text("From the moment you say so, no new use may start.")).to_be_visible()
    page.get_by_label("Delete the copies made for this purpose").check()
    page.get_by_role("main").get_by_role("button", name="Don’t allow").click()
    expect(page.get_by_text("may not use your purchases. This has been true since")).to_be_visible()

    # She keeps the receipt, and sees the request for the copies with its clock.
    page.get_by_role("link", name="See the receipt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Consent receipt")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download, signed (zip)").click()
    assert {"receipt.json", "receipt.jws", "key.txt"} <= set(zipfile.ZipFile(download.value.path()).namelist())
    page.goto(f"{served.origin}/rights")
    expect(page.get_by_role("link", name="Erase my data")).to_be_visible()

    # Everything she did is in her history; she turns personalised marketing off and leaves.
    page.goto(f"{served.origin}/history")
    expect(page.get_by_text("You stopped the marketing department using your purchases.")).to_be_visible()
    page.get_by_role("switch").click()
    expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "true")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.wait_for_load_state()  # a page that is still arriving has no way back yet
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    context.close()


def test_a_newcomer_reads_who_uses_her_purchases_without_a_tap_and_stops_it_in_three(
    served: Served, browser: Browser
) -> None:
    """All that she needs is in the words on the screen: she taps what names her purpose, then what says no, twice."""
    context = browser.new_context(viewport=PHONE, locale="en")
    sign_in(context, served, newcomer(served))
    page = context.new_page()
    page.goto(f"{served.origin}/uses/preference")
    page.get_by_role("group", name="Purchases").get_by_role("button", name="Allow", exact=True).click()
    page.get_by_role("main").get_by_role("button", name="Allow").click()

    page.goto(served.origin)
    use = page.get_by_role("listitem").filter(has_text="Learn which products members like").first
    for said in ("Purchases", "Marketing department", "Allowed in part", "until"):
        expect(use).to_contain_text(said)
    taps = 0
    for tap in (
        use.get_by_role("link"),
        page.get_by_role("group", name="Purchases").get_by_role("button", name="Don’t allow"),
        page.get_by_role("main").get_by_role("button", name="Don’t allow"),
    ):
        tap.click()
        taps += 1
    expect(page.get_by_text("The marketing department may not use your purchases.")).to_be_visible()
    assert taps == 3
    context.close()


def liar(part: str) -> Callable[[Route], None]:
    """Whoever stands between her and the server, and changes one part of a proof."""

    def changed(route: Route) -> None:
        answer = route.fetch()
        proof = answer.json()
        match part:
            case "payload":
                proof["payload"] = "e30="
            case "checkpoint":
                head, sign, tail = proof["checkpoint"].rpartition(" ")
                proof["checkpoint"] = head + sign + tail[:20] + ("A" if tail[20] != "A" else "B") + tail[21:]
            case "path":
                proof["path"] = proof["path"][::-1]
            case "size":
                proof["size"] += 1
        route.fulfill(response=answer, body=json.dumps(proof))

    return changed


def test_her_browser_checks_the_proof_by_itself_and_notices_a_lie(served: Served, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    mei = newcomer(served)
    sign_in(context, served, mei)
    served.world.publisher.publish()
    page = context.new_page()
    page.goto(f"{served.origin}/history")
    page.locator(".proof summary").first.click()
    page.get_by_role("button", name="Check it in this browser").first.click()
    expect(page.get_by_text("Your browser checked it")).to_be_visible()

    for part in ("payload", "checkpoint", "path", "size"):
        page.route("**/history/*.json", liar(part))
        page.reload()
        page.locator(".proof summary").first.click()
        page.get_by_role("button", name="Check it in this browser").first.click()
        expect(page.get_by_text("the proof does not match")).to_be_visible()
        page.unroute("**/history/*.json")
    context.close()


def test_wei_gives_and_takes_back_with_the_keyboard_alone(served: Served, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE)
    sign_in(context, served, newcomer(served))
    page = context.new_page()
    page.goto(f"{served.origin}/uses/preference/ricefield/purchases/TW")

    def press(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.innerText.trim()") == name:
                with page.expect_navigation():
                    page.keyboard.press("Enter")
                return
        raise AssertionError(f"{name} is out of reach of the keyboard")

    for name, then in (("Allow", "Allowed"), ("Don’t allow", "Not allowed")):
        page.goto(f"{served.origin}/uses/preference/ricefield/purchases/TW")
        press(name)
        press(name)
        expect(page.get_by_role("heading", level=1)).to_have_text("Saved")
        expect(page.get_by_role("main").get_by_text(then, exact=False).first).to_be_visible()
    context.close()
