"""Law: a first step stores nothing; the second stores exactly one statement about exactly one item; the page after it
shows what the database has; a no is as easy as a yes, and taking back is as easy as giving."""

import io
import json
import re
import zipfile
from datetime import timedelta

import pytest

from audit.log.entry import verify_commitment
from audit.log.hashing import leaf_hash
from audit.log.tlog_policy import policy_for
from audit.log.tlog_proof import TlogProof
from consent_center.consent.propagation import Outcome
from consent_center.web.formats import Formats
from consent_center.web.languages import Language
from consent_center.workflows.propagate import record_attempts
from consent_center.workflows.show_choices import show_choices
from consent_center.workflows.show_consents import show_statements
from consent_center.workflows.show_tasks import show_member_tasks
from tests.portal.visitor import House, Visitor, forms_of, links_of

PURCHASES = "/uses/preference/marketing/purchases/TW"
RICEFIELD = "/uses/preference/ricefield/purchases/TW"
LOCATION = "/uses/preference/marketing/location/TW"
TERN = "/uses/matching/tern/demographics/TW"
LINKED = "/uses/link-ricefield/marketing/purchases/TW"
APART = [RICEFIELD, LOCATION, TERN, LINKED]


def said_by(visitor: Visitor) -> list[tuple[str, list[str]]]:
    recorded = visitor.house.world.wiring.store.read(show_statements, visitor.member)
    return [(one.statement.act.value, [str(item) for item in one.statement.items]) for one in recorded]


def test_a_yes_is_one_statement_about_one_item(any_house: House) -> None:
    member = any_house.member()
    page = member.answer(PURCHASES, "allow")
    assert said_by(member) == [("given", ["purchases/preference/marketing/TW"])]
    assert page.url.path.startswith("/saved/")
    assert "Marketing department" in page.text
    assert "Allowed" in page.text


def test_taking_back_is_said_as_withdrawn_and_holds_at_once(any_house: House) -> None:
    member = any_house.member()
    member.answer(PURCHASES, "allow")
    any_house.clock.ahead += timedelta(seconds=2)
    page = member.answer(PURCHASES, "refuse")
    assert [act for act, _ in said_by(member)] == ["given", "withdrawn"]
    assert "Not allowed" in page.text
    state = any_house.world.wiring.store.read(show_choices, member.member, at=any_house.clock())
    assert not any(stand.verdict.allowed for stand in state.stands.values())


def test_after_taking_back_the_page_says_who_is_told_by_when_and_whether_they_confirmed(house: House) -> None:
    store = house.world.wiring.store
    member = house.member()
    member.answer(PURCHASES, "allow")
    house.clock.ahead += timedelta(seconds=2)
    check = member.submit(PURCHASES, f"{PURCHASES}/answer", say="refuse")
    saved = member.submit(check, f"{PURCHASES}/answer", say="withdraw")
    ((task, outcome),) = store.read(show_member_tasks, member.member)
    assert outcome == ""
    by = Formats(language=Language.EN, zone=house.world.wiring.house.zone).minute(task.due_at)
    assert f"must confirm by {by}" in saved.text
    assert by[:10] in check.text
    house.clock.ahead += timedelta(minutes=1)
    store.run(record_attempts, [(task.id, 0, Outcome.DELIVERED)], at=house.clock())
    assert "has confirmed that the use stopped" in member.get(saved.url.path).text
    receipt = next(link for link in links_of(saved.text) if link.startswith("/receipts/"))
    assert "has confirmed that the use stopped" in member.get(receipt).text


def test_each_taking_back_shows_its_own_tellings(house: House) -> None:
    member = house.member()
    saved = []
    for say in ("allow", "refuse", "allow", "refuse"):
        saved.append(member.answer(PURCHASES, say).url.path)
        house.clock.ahead += timedelta(seconds=2)
    for path in saved[1::2]:
        assert member.get(path).text.count("must confirm by") == 1


def test_a_recipient_that_is_late_is_said_to_be_late(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    house.clock.ahead += timedelta(seconds=2)
    saved = member.answer(PURCHASES, "refuse")
    house.clock.ahead += timedelta(days=8)
    again = house.visitor().sign_in(member.member)
    assert "has not. It is overdue." in again.get(saved.url.path).text


def test_a_pause_is_shown_since_the_pause_and_not_since_the_yes(house: House) -> None:
    member = house.member()
    member.answer(PURCHASES, "allow")
    house.clock.ahead += timedelta(days=3)
    again = house.visitor().sign_in(member.member)
    page = again.submit("/uses/preference", "/uses/preference/pause", turn="pause")
    shown = Formats(language=Language.EN, zone=house.world.wiring.house.zone)
    assert f"since {shown.day(house.clock())}" in page.text


def test_a_no_without_an_earlier_yes_is_a_refusal(member: Visitor) -> None:
    member.answer(TERN, "refuse")
    assert said_by(member) == [("refused", ["demographics/matching/tern/TW"])]


def test_looking_stores_nothing(member: Visitor) -> None:
    for path in ("/", "/uses/preference", PURCHASES, f"{PURCHASES}/answer?say=allow", f"{PURCHASES}/answer?say=refuse"):
        assert member.get(path).status_code == 200
    assert said_by(member) == []


def test_nothing_is_pressed_or_chosen_before_she_says_something(member: Visitor) -> None:
    for path in ("/uses/preference", "/uses/churn", *APART, f"{TERN}/answer?say=allow", "/stop-all"):
        page = member.get(path)
        assert 'aria-pressed="true"' not in page.text
        assert all(not form.checked for form in forms_of(page.text))


@pytest.mark.parametrize("item", [PURCHASES, *APART])
def test_saying_no_takes_no_more_steps_than_saying_yes(house: House, item: str) -> None:
    steps = {}
    for say in ("allow", "refuse"):
        member = house.member()
        steps[say] = _steps_to_saved(member, item, say)
    back = house.member()
    back.answer(item, "allow")
    house.clock.ahead += timedelta(seconds=2)
    steps["withdraw"] = _steps_to_saved(back, item, "refuse")
    assert steps["allow"] == steps["refuse"] == steps["withdraw"] == 2


def _steps_to_saved(visitor: Visitor, item: str, say: str) -> int:
    page, steps = visitor.get(item), 0
    while not page.url.path.startswith("/saved/"):
        form = visitor.form(page, f"{item}/answer")
        offered = [value for name, value in form.buttons if name == "say"]
        page = visitor.submit(page, f"{item}/answer", say=say if say in offered else offered[0])
        steps += 1
    return steps


@pytest.mark.parametrize("path", ["/uses/preference", "/uses/churn", "/uses/offers", *APART])
def test_the_two_buttons_are_the_same_but_for_their_word(member: Visitor, path: str) -> None:
    text = member.get(path).text

    pairs = re.findall(r'<div class="pair".*?</div>', text, re.DOTALL)
    assert pairs
    for pair in pairs:
        yes, no = re.findall(r"<button.*?</button>", pair, re.DOTALL)
        plain = [re.sub(r'value="\w+"|>[^<]*<', "", button) for button in (yes, no)]
        assert plain[0] == plain[1]


def test_each_partner_sensitive_scope_and_border_has_its_own_page_and_no_button_elsewhere(member: Visitor) -> None:
    for use in ("/uses/preference", "/uses/offers", "/uses/matching", "/uses/fairness", "/uses/link-ricefield"):
        page = member.get(use)
        for form in forms_of(page.text):
            assert not any(form.action == f"{item}/answer" for item in APART)
    for item in APART:
        forms = [form for form in forms_of(member.get(item).text) if form.action.endswith("/answer")]
        assert [form.action for form in forms] == [f"{item}/answer"]
    assert set(APART[:2]) <= set(links_of(member.get("/uses/preference").text))


def test_a_page_of_a_border_names_both_countries(member: Visitor) -> None:
    assert "<dt>Where</dt><dd>Taiwan, Japan</dd>" in member.get(TERN).text
    assert "<dt>Where</dt><dd>Taiwan</dd>" in member.get("/uses/preference").text


def test_only_who_has_not_answered_is_told_that_she_may_leave_it_open(member: Visitor) -> None:
    assert "You can leave it open" in member.get(TERN).text
    member.answer(TERN, "refuse")
    assert "You can leave it open" not in member.get(TERN).text


def test_no_button_allows_more_than_one_item(member: Visitor) -> None:
    actions = [form.action for form in forms_of(member.get("/").text)]
    assert not [action for action in actions if "allow" in action]


def test_the_same_form_posted_twice_is_one_statement(member: Visitor) -> None:
    check = member.submit(PURCHASES, f"{PURCHASES}/answer", say="allow")
    for _ in range(2):
        member.submit(check, f"{PURCHASES}/answer", say="allow")
    assert len(said_by(member)) == 1


def test_a_form_from_an_old_notice_is_refused_and_stores_nothing(member: Visitor) -> None:
    check = member.submit(PURCHASES, f"{PURCHASES}/answer", say="allow")
    answer = member.submit(check, f"{PURCHASES}/answer", say="allow", shown="0" * 64)
    assert answer.status_code == 400
    assert said_by(member) == []


def test_an_answer_that_no_page_offers_is_refused(member: Visitor) -> None:
    check = member.submit(PURCHASES, f"{PURCHASES}/answer", say="allow")
    assert member.submit(check, f"{PURCHASES}/answer", say="everything").status_code == 400
    assert member.get(f"{PURCHASES}/answer?say=everything").status_code == 404
    assert said_by(member) == []


def test_an_item_that_nobody_asks_for_has_no_page(member: Visitor) -> None:
    for path in ("/uses/nothing", "/uses/preference/tern/purchases/TW", "/uses/preference/marketing/purchases/XX"):
        assert member.get(path).status_code == 404


def test_pausing_and_resuming_keep_the_answer(member: Visitor) -> None:
    member.answer(PURCHASES, "allow")
    page = member.submit("/uses/preference", "/uses/preference/pause", turn="pause")
    assert "Paused" in page.text
    member.house.clock.ahead += timedelta(seconds=2)
    page = member.submit("/uses/preference", "/uses/preference/pause", turn="resume")
    assert "Allowed" in page.text
    assert [act for act, _ in said_by(member)] == ["given", "paused", "resumed"]


def test_stopping_everything_withdraws_every_yes_and_nothing_else(any_house: House) -> None:
    member = any_house.member()
    for item in (PURCHASES, RICEFIELD, "/uses/churn/service/tickets/TW"):
        member.answer(item, "allow")
    any_house.clock.ahead += timedelta(seconds=2)
    page = member.submit("/stop-all", "/stop-all")
    assert page.url.path == "/saved/all"
    withdrawn = [item for act, items in said_by(member) if act == "withdrawn" for item in items]
    assert sorted(withdrawn) == [
        "purchases/preference/marketing/TW",
        "purchases/preference/ricefield/TW",
        "tickets/churn/service/TW",
    ]
    assert "Stop every optional use" not in member.get("/").text
    any_house.clock.ahead += timedelta(seconds=2)
    member.answer(PURCHASES, "allow")
    assert member.get("/saved/all").url.path == "/"


def test_a_withdrawal_may_ask_for_the_copies_to_be_deleted_and_a_clock_starts(member: Visitor) -> None:
    member.answer(PURCHASES, "allow")
    member.house.clock.ahead += timedelta(seconds=2)
    member.answer(PURCHASES, "refuse", copies="delete")
    page = member.get("/rights")
    assert "Erase my data" in page.text
    assert "days left" in page.text


def test_a_changed_notice_waits_for_an_answer_and_shows_what_changed(house: House) -> None:
    mei = house.visitor().sign_in(house.person(Language.EN).member)
    assert "Needs a new answer" in mei.get("/").text
    page = mei.get("/uses/offers")
    assert "What changed in notice 2" in page.text
    assert "<ins>" in page.text


def test_the_receipt_of_an_answer_can_be_read_and_checked(member: Visitor) -> None:

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from consent_center.consent.receipt import read_receipt

    saved = member.answer(PURCHASES, "allow")
    path = next(link for link in links_of(saved.text) if link.startswith("/receipts/"))
    assert "Consent receipt" in member.get(path).text
    files = zipfile.ZipFile(io.BytesIO(member.get(f"{path}.zip").content))
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(files.read("key.txt").decode().split()[1]))
    receipt = read_receipt(files.read("receipt.jws").decode().strip(), key)
    assert receipt.document == member.get(f"{path}.json").json()


def test_the_receipt_brings_the_proof_that_its_line_stands_in_the_log(house: House) -> None:
    member = house.member()
    path = next(link for link in links_of(member.answer(PURCHASES, "allow").text) if link.startswith("/receipts/"))

    def names() -> zipfile.ZipFile:
        return zipfile.ZipFile(io.BytesIO(member.get(f"{path}.zip").content))

    assert "entry.tlog-proof" not in names().namelist()
    house.world.publisher.publish()
    files = names()
    leaf, log = files.read("entry.leaf.json"), house.world.wiring.log
    assert log is not None
    assert files.read("log-key.txt").decode().strip() == log.key.text()
    proof = TlogProof.parse(files.read("entry.tlog-proof"))
    assert proof.verify(leaf, policy_for(log.key, origin=log.origin), origin=log.origin)
    assert leaf_hash(leaf).hex() in files.read("receipt.json").decode()
    committed = bytes.fromhex(json.loads(leaf)["commitment"])
    verify_commitment(committed, bytes.fromhex(files.read("entry.salt.txt").decode()), files.read("entry.payload.json"))
    assert "python -m audit proof" in files.read("read-me.txt").decode()


def test_another_members_receipt_does_not_exist_for_her(house: House) -> None:
    mine, other = house.member(), house.member()
    path = next(link for link in links_of(mine.answer(PURCHASES, "allow").text) if link.startswith("/receipts/"))
    for address in (path, f"{path}.json", f"{path}.zip", path.replace("receipts", "saved")):
        assert mine.get(address).status_code == 200
        assert other.get(address).status_code == 404
