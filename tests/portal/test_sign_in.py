"""Law: no password; a link works once, for ten minutes, in the browser that asked; whether an address is a member's
shows nowhere; a session ends 30 minutes after the last page, 8 hours after sign-in, and everywhere at once if she
says so."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from consent_center.web.languages import Language
from consent_center.workflows.enrol_member import enrol_member
from tests.portal.visitor import House, Visitor, link_in


def ask(visitor: Visitor, address: str) -> str:
    """Ask for a link and return the page that follows."""
    return visitor.submit("/sign-in", "/sign-in/link", email=address).text


def mailed(house: House, visitor: Visitor, address: str) -> str:
    before = len(house.letters())
    ask(visitor, address)
    letters = house.letters()[before:]
    assert len(letters) == 1
    return link_in(letters[0])


@pytest.mark.parametrize("language", list(Language))
def test_a_link_signs_in_and_the_letter_is_in_her_language(any_house: House, language: Language) -> None:
    visitor = any_house.visitor()
    visitor.get(f"/sign-in?lang={language.value}")
    person = any_house.person(language)
    link = mailed(any_house, visitor, person.address)
    assert any_house.world.wiring.house.names[language] in any_house.letters()[-1]
    assert visitor.submit(link, link).url.path == "/"
    assert visitor.get("/account").status_code == 200


def test_opening_a_link_does_not_use_it(house: House) -> None:
    visitor = house.visitor()
    link = mailed(house, visitor, house.newcomer()[1])
    for _ in range(3):
        assert visitor.get(link).status_code == 200
    assert visitor.submit(link, link).url.path == "/"


def test_a_link_works_once(house: House) -> None:
    visitor = house.visitor()
    link = mailed(house, visitor, house.newcomer()[1])
    page = visitor.get(link)
    assert visitor.submit(page, link).url.path == "/"
    again = house.visitor()
    again.client.cookies = visitor.client.cookies
    assert visitor.get(link).status_code in (403, 410)


def test_a_link_works_only_in_the_browser_that_asked(house: House) -> None:
    link = mailed(house, house.visitor(), house.newcomer()[1])
    answer = house.visitor().get(link)
    assert answer.status_code == 403
    assert "browser" in answer.text


@pytest.mark.parametrize(("minutes", "works"), [(9.98, True), (10, False), (11, False)])
def test_a_link_lives_ten_minutes(house: House, minutes: float, *, works: bool) -> None:
    visitor = house.visitor()
    link = mailed(house, visitor, house.newcomer()[1])
    house.clock.ahead += timedelta(minutes=minutes)
    assert (visitor.get(link).status_code == 200) is works


def test_an_unknown_address_gets_the_very_same_answer_and_no_letter(house: House) -> None:
    pages = []
    known = house.newcomer()[1]
    for address in (known, "nobody@family.example"):
        before = len(house.letters())
        visitor = house.visitor()
        answer = visitor.submit("/sign-in", "/sign-in/link", email=address)
        pages.append(
            (answer.status_code, answer.url, re.sub(r'value="[\w-]{43}"', "", answer.text), len(answer.history))
        )
        assert len(house.letters()) - before == (1 if address == known else 0)
    assert pages[0] == pages[1]


@pytest.mark.parametrize("written", [str.upper, "  {} ".format, lambda address: "ｍ" + address[1:]])
def test_an_address_is_the_same_however_it_is_written(house: House, written: Callable[[str], str]) -> None:
    assert mailed(house, house.visitor(), written(house.newcomer()[1]))


@pytest.mark.parametrize(
    "address", ["", "mei", "mei@", "@x.y", "a b@c.d", "mei@family.example\nBcc: x@y.z", "x" * 300 + "@a.b"]
)
def test_what_is_no_address_is_asked_for_again_with_what_was_typed(house: House, address: str) -> None:
    answer = house.visitor().submit("/sign-in", "/sign-in/link", email=address)
    assert answer.status_code == 422
    assert "aria-invalid" in answer.text


def test_the_address_is_kept_nowhere_in_clear(house: House) -> None:
    _, address = house.newcomer()
    mailed(house, house.visitor(), address)
    for file in house.world.wiring.outbox.parent.rglob("*"):
        if file.is_file() and "outbox" not in file.parts:
            assert address.partition("@")[0].encode() not in file.read_bytes()


def test_too_many_links_from_one_browser_are_refused(house: House) -> None:
    visitor = house.visitor()
    for number in range(10):
        assert "Look at your mail" in ask(visitor, f"nobody{number}@family.example")
    answer = visitor.submit("/sign-in", "/sign-in/link", email="one-more@family.example")
    assert answer.status_code == 429


def test_a_flood_for_one_address_is_swallowed_without_a_sign(house: House) -> None:
    before, (_, address) = len(house.letters()), house.newcomer()
    for _ in range(8):
        assert "Look at your mail" in ask(house.visitor(), address)
    assert len(house.letters()) - before == 5


@pytest.mark.parametrize(("step", "steps", "signed_in"), [(29, 2, True), (30, 1, False), (29, 17, False)])
def test_sessions_end_by_themselves(house: House, step: int, steps: int, *, signed_in: bool) -> None:
    member = house.member()
    page = None
    for _ in range(steps):
        house.clock.ahead += timedelta(minutes=step)
        page = member.get("/rights")
    assert page is not None
    assert (page.url.path == "/rights") is signed_in


def test_somebody_who_was_signed_out_is_told_so_and_comes_back_to_her_page(house: House) -> None:
    name, address = house.newcomer()
    visitor = house.visitor().sign_in(name)
    house.clock.ahead += timedelta(minutes=31)
    page = visitor.get("/rights")
    assert "signed out after 30 minutes" in page.text
    link = mailed(house, visitor, address)
    assert visitor.submit(link, link).url.path == "/rights"


@pytest.mark.parametrize("to", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_signing_in_never_leads_to_another_site(house: House, to: str) -> None:
    visitor = house.visitor()
    visitor.get("/sign-in", params={"to": to})
    link = mailed(house, visitor, house.newcomer()[1])
    assert str(visitor.submit(link, link).url) == "http://localhost:8000/"


def test_after_signing_out_the_old_cookie_and_the_back_button_show_nothing(house: House) -> None:
    member = house.member()
    page = member.get("/")
    assert page.headers["cache-control"] == "no-store"
    cookies = dict(member.client.cookies)
    member.submit(page, "/sign-out")
    member.client.cookies.update(cookies)
    assert member.get("/").url.path == "/sign-in"
    assert member.submit(page, "/marketing").url.path == "/sign-in"


def test_signing_out_everywhere_ends_every_session(house: House) -> None:
    first = house.member()
    second = house.visitor().sign_in(first.member)
    assert first.submit("/account", "/account/sign-out-everywhere").url.path == "/sign-in"
    assert second.get("/").url.path == "/sign-in"


def test_every_sign_in_makes_a_new_secret(house: House) -> None:
    name = house.world.wiring.house.cookies.name("session")
    first = house.member()
    old = first.client.cookies[name]
    first.sign_in(first.member)
    assert first.client.cookies[name] != old


def test_cookies_are_closed_to_scripts_and_other_sites(house: House) -> None:
    visitor = house.visitor()
    answer = visitor.get("/sign-in")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "path=/" in cookie
    assert "domain" not in cookie


def test_over_https_cookies_are_secure_and_host_only() -> None:
    from starlette.responses import Response

    from consent_center.web.cookies import SESSION, Cookies

    response = Response()
    Cookies(https=True).put_secret(response, SESSION, "x")
    assert response.headers["set-cookie"].startswith("__Host-accord-session=x; HttpOnly; Path=/; SameSite=lax; Secure")


def test_what_changed_since_the_last_visit_is_on_the_first_page_however_long_ago_that_was(house: House) -> None:
    first = house.member()
    assert "This is your first visit" in first.get("/").text
    first.answer("/uses/matching/tern/demographics/TW", "refuse")
    house.clock.ahead += timedelta(days=90)
    again = house.visitor().sign_in(first.member)
    assert "Nothing has changed since" in again.get("/").text
    store, at = house.world.wiring.store, house.clock()
    store.run(enrol_member, first.member, "service", at=at + timedelta(days=10))
    house.clock.ahead += timedelta(days=90)
    page = house.visitor().sign_in(first.member).get("/").text
    assert "Your account was linked at customer service." in page
    assert "You did not allow Tern Airlines" not in page
