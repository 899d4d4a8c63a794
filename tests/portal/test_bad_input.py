"""Law: whatever is sent, the answer is a friendly page in the reader's language that says what to do; nothing is
stored, nothing leaks, and no request answers 500."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from consent_center.web.languages import Language
from tests.portal.test_answers import PURCHASES, said_by
from tests.portal.visitor import House, Visitor, forms_of

PAGES = [
    "/", "/uses/preference", "/uses/offers", PURCHASES, f"{PURCHASES}/answer?say=allow", "/notices/preference/2",
    "/history", "/trainings", "/decisions", "/rights", "/rights/copy", "/account", "/limits", "/seen", "/family",
    "/help", "/required",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_every_page_exists_in_three_languages_and_says_so(member: Visitor, path: str) -> None:
    for language in Language:
        page = member.get(path, headers={"accept-language": language.value})
        assert page.status_code == 200
        assert f'<html lang="{language.value}"' in page.text
        assert page.headers["content-language"] == language.value


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/nowhere", "/static/accord.css"])
def test_every_answer_carries_the_security_headers(member: Visitor, path: str) -> None:
    headers = member.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in headers["content-security-policy"]
    for name in ("x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "permissions-policy"):
        assert headers[name]
    assert "server" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_inline_script_or_style_or_anything_from_elsewhere(member: Visitor, path: str) -> None:
    import re

    text = member.get(path).text
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]+src=\"/static/)", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)


@pytest.mark.parametrize(
    "path", ["/", "/history", "/rights/copy.json", "/receipts/1", "/saved/1", "/family", "/account"]
)
def test_a_page_of_a_member_is_not_for_somebody_who_is_not_signed_in(house: House, path: str) -> None:
    assert house.visitor().get(path).url.path == "/sign-in"


@pytest.mark.parametrize(
    "header", [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://evil.example"}]
)
def test_a_form_sent_by_another_site_is_refused(member: Visitor, header: dict[str, str]) -> None:
    form = member.form(f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer")
    answer = member.client.post(form.action, data={**form.hidden, "say": "allow"}, headers=header)
    assert answer.status_code == 403
    assert "Nothing was saved" in answer.text
    assert said_by(member) == []


def test_a_form_without_any_sign_of_its_origin_is_refused(member: Visitor) -> None:
    form = member.form(f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer")
    del member.client.headers["sec-fetch-site"]
    answer = member.client.post(form.action, data={**form.hidden, "say": "allow"})
    assert answer.status_code == 403


def test_an_older_browser_that_names_our_origin_is_served(member: Visitor) -> None:
    form = member.form(f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer")
    del member.client.headers["sec-fetch-site"]
    origin = {"origin": "http://localhost:8000"}
    member.client.post(form.action, data={**form.hidden, "say": "allow"}, headers=origin)
    assert len(said_by(member)) == 1


def test_a_token_is_bound_to_its_action_and_its_browser(house: House, member: Visitor) -> None:
    other = house.member()
    token = other.form(f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer").hidden["token"]
    mine = member.form(f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer")
    wrong_action = member.form("/rights", "/rights").hidden["token"]
    for forged in (token, wrong_action, "", "x" * 43):
        answer = member.client.post(mine.action, data={**mine.hidden, "say": "allow", "token": forged})
        assert answer.status_code == 403
    assert said_by(member) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"token=%FF%FE", "application/x-www-form-urlencoded"),
        (b"x=1&" * 200, "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
        (b'{"say":"allow"}', "application/json"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
    ],
)
def test_what_is_no_form_of_ours_is_refused(member: Visitor, body: bytes, kind: str) -> None:
    answer = member.client.post(f"{PURCHASES}/answer", content=body, headers={"content-type": kind})
    assert answer.status_code == 400
    assert "Nothing was saved" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/history?below=99999999999999999999999", "/history?below=-1", "/history?below=x",
        "/history?entry=9007199254740993",
        "/receipts/99999999999999999999999", "/receipts/x", "/saved/0", "/notices/preference/99", "/notices/%00/1",
        "/uses/%F0%9F%92%A9", "/history/5.exe", "/history/99999.tlog-proof", "/rights/..%2f..%2fetc",
        "/rights/" + "x" * 3000,
        "/sign-in/link/" + "y" * 500, "/family/x/end", "/static/../app.py", "/static/nothing.css", "/uses/a/b/c/d/e/f",
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_answers_with_a_page(member: Visitor, path: str) -> None:
    answer = member.get(path)
    assert 400 <= answer.status_code < 500
    assert "Talk to a person" in answer.text or path.startswith("/static")


def test_another_method_is_answered_with_a_page(member: Visitor) -> None:
    for method in ("DELETE", "PUT", "PATCH", "POST"):
        assert 400 <= member.client.request(method, "/history").status_code < 500


STARTS = ("/uses/", "/notices/", "/rights/", "/decisions/", "/history?what=", "/rights?about=", "/?lang=")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.sampled_from(STARTS), text=st.text(min_size=1, max_size=60).filter(lambda text: text.strip("./") != ""))
@example(start="/uses/", text="\x00").via("a byte that no database stores")
@example(start="/rights/", text="\ud800").via("half a character")
@example(start="/decisions/", text="ÿ" * 60).via("bytes beyond ASCII")
def test_no_path_breaks_anything(member: Visitor, start: str, text: str) -> None:
    path = start + quote(text.encode("utf-8", "surrogatepass"), safe="")
    assert member.get(path).status_code < 500


FORMS = {
    "/rights": ("/rights", ("right", "detail", "once", "about")),
    "/limits": ("/limits", ("most",)),
    "/family/delegates": ("/family", ("number", "months", "agreed")),
    f"{PURCHASES}/answer": (f"{PURCHASES}/answer?say=allow", ("say", "copies", "shown")),
}


@pytest.mark.parametrize("action", FORMS)
def test_no_text_in_a_form_breaks_anything(member: Visitor, action: str) -> None:
    page, names = FORMS[action]
    form = member.form(page, action)

    @settings(max_examples=8, deadline=None)
    @given(values=st.lists(st.text(max_size=80), min_size=len(names), max_size=len(names)))
    @example(values=["erase", "\x00", "\u202e", "tag:delete:x:y"][: len(names)])
    def post(values: list[str]) -> None:
        some = [value.encode("utf-8", "replace").decode() for value in values]
        data = {**form.hidden, **dict(zip(names, some, strict=True))}
        answer = member.client.post(action, data=data, follow_redirects=False)
        assert answer.status_code < 500

    post()


def test_what_she_typed_is_shown_again_as_text_never_as_markup(member: Visitor) -> None:
    answer = member.submit("/rights", "/rights", right="", detail="<script>alert(1)</script>")
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert" in answer.text
    assert "Please check 1 answer" in answer.text


def test_however_many_lines_a_history_has_they_come_in_pages(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than 10,000 here; `make browser` has all of them."""
    monkeypatch.setattr("consent_center.workflows.show_history._SCAN", 50)
    many_lines_come_in_pages(house, 600)


def many_lines_come_in_pages(house: House, lines: int) -> None:
    from consent_center.events import Event
    from consent_center.storage import members

    member = house.member()

    def many(tx, *, at):
        number = members.get(tx, member.member).no
        tx.append_all([Event.of("member.read", private={"staff": f"s{n}"}, member=number) for n in range(lines)], at=at)

    house.world.wiring.store.run(many, at=house.clock())
    page, seen = member.get("/history"), 0
    for _ in range(4):
        shown = page.text.count('class="mark bead')
        assert shown == 30
        seen += shown
        older = next(link for link in _links(page.text) if "below=" in link)
        page = member.get(older.replace("&amp;", "&"))
    assert seen == 120
    filtered = member.get("/history?what=rights")
    assert filtered.status_code == 200
    assert "below=" in filtered.text


def _links(text: str) -> list[str]:
    from tests.portal.visitor import links_of

    return links_of(text)


def test_a_fault_of_ours_shows_a_number_and_nothing_else(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from consent_center.portal import home

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret of the machine")

    member = house.member()
    monkeypatch.setattr(home, "rows_of", broken)
    answer = member.get("/")
    assert answer.status_code == 500
    assert "secret of the machine" not in answer.text
    assert "Tell us this number" in answer.text


def test_a_database_that_does_not_answer_is_said_so(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from consent_center.errors import StorageError
    from consent_center.storage.transaction import Store

    member = house.member()

    def gone(*_: object, **__: object) -> None:
        raise StorageError("gone")

    monkeypatch.setattr(Store, "read", gone)
    answer = member.get("/")
    assert answer.status_code == 503
    assert "Nothing was saved" in answer.text


def test_the_language_switch_keeps_the_page(member: Visitor) -> None:
    page = member.get("/history?what=answers")
    switch = next(link for link in _links(page.text) if "lang=zh-Hans" in link)
    page = member.get(switch.replace("&amp;", "&"))
    assert page.url.path == "/history"
    assert page.url.query == b"what=answers"
    assert '<html lang="zh-Hans"' in page.text
    assert '<html lang="zh-Hans"' in member.get("/rights").text


def test_larger_letters_stay_until_she_turns_them_off(member: Visitor) -> None:
    assert 'class="is-large"' in member.get("/history?letters=large").text
    assert 'class="is-large"' in member.get("/").text
    assert 'class="is-large"' not in member.get("/?letters=usual").text


def test_a_person_can_be_called_from_every_page(house: House, member: Visitor) -> None:
    for path in PAGES:
        assert 'href="tel:+886255500100"' in member.get(path).text
    assert 'href="tel:+886255500100"' in house.visitor().get("/sign-in").text


def test_the_switch_against_marketing_is_on_every_page_and_keeps_it(member: Visitor) -> None:
    for path in PAGES[:4]:
        page = member.get(path)
        assert 'role="switch" aria-checked="false"' in page.text
    page = member.submit("/history?what=answers", "/marketing", turn="on")
    assert str(page.url).endswith("/history?what=answers")
    assert 'role="switch" aria-checked="true"' in page.text
    member.house.clock.ahead += timedelta(seconds=2)
    page = member.submit("/rights", "/marketing", turn="off")
    assert 'role="switch" aria-checked="false"' in page.text


def test_global_privacy_control_is_stored_and_obeyed_and_the_page_says_why(any_house: House) -> None:
    from consent_center.consent.scope import Item
    from consent_center.consent.verdict import Reason
    from consent_center.workflows.ask_verdict import ask_verdict

    member = any_house.member(**{"sec-gpc": "1"})
    item = Item("purchases", "offers", "marketing", "TW")
    member.answer("/uses/offers/marketing/purchases/TW", "allow")
    page = member.get("/")
    assert 'role="switch" aria-checked="true"' in page.text
    assert "Your browser sends Global Privacy Control" in page.text
    any_house.clock.ahead += timedelta(seconds=2)
    found = any_house.world.wiring.store.read(ask_verdict, member.member, [item], at=any_house.clock())
    assert [one.reason for one in found] == [Reason.OBJECTED]
    assert member.get("/history").text.count("Your browser sent Global Privacy Control.") == 1
    assert "“No personalised marketing” is on" in member.get("/uses/offers").text


def test_forms_that_store_something_all_carry_a_token(member: Visitor) -> None:
    for path in PAGES:
        for form in forms_of(member.get(path).text):
            assert form.method == "get" or form.hidden.get("token"), (path, form.action)
