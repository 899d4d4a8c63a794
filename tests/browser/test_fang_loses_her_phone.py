"""A story: Fang makes a passkey, signs in with it, loses the phone, signs in by a link and takes the passkey away;
whoever has the phone is out at once."""

from playwright.sync_api import Browser, BrowserContext, Page, expect

from consent_center.web.languages import Language
from tests.browser.harness import Served, sign_in
from tests.browser.test_mei_says_no_to_the_airline import newcomer


def with_authenticator(context: BrowserContext) -> Page:
    """A page whose browser has a device that knows its owner (the browser's own simulation)."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def test_fang_loses_her_phone(served: Served, browser: Browser) -> None:
    fang = newcomer(served)
    phone = browser.new_context(viewport={"width": 390, "height": 844})
    sign_in(phone, served, fang, drawn=True)
    page = with_authenticator(phone)
    page.goto(f"{served.origin}/account")
    label = "小芳的手機" + "非常長" * 18
    page.get_by_label("Name of the new passkey").fill(label)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name=label[:30])).to_be_visible()
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")

    page.get_by_role("button", name="Sign out", exact=True).click()
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Who uses your data")

    desk = browser.new_context()
    sign_in(desk, served, fang)
    other = desk.new_page()
    other.goto(f"{served.origin}/account")
    other.get_by_role("button", name="Remove").click()
    expect(other.get_by_text("You have no passkeys")).to_be_visible()

    page.goto(f"{served.origin}/history")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("That passkey did not sign you in")).to_be_visible()
    assert fang.language is Language.EN
    phone.close()
    desk.close()
